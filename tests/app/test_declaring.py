"""What analytics is told of the configuration in effect."""

from pathlib import Path

from app.configuration.structure import TokenSettings
from app.declaring import declaration_of, declaring
from app.settings import Settings, load_settings
from exporters.analytics.rollups.declared import Declaration, DeclaredCaller, DeclaredIntegration
from integrations.manifest.loading import Catalog

TEXT = """
state_dir: state
tokens:
  - {name: shop, sha256: "%s", team: checkout}
integrations:
  - id: web
    vendor: http
    config: {url: "https://web.invalid/"}
    labels: {team: platform, environment: prod, tier: "1", region: eu}
    cost: {currency: EUR, per_call: 0.002, charged: ok, actions: {get: 0.01}}
  - {id: plain, vendor: http, config: {url: "https://plain.invalid/"}}
""" % ("0" * 64)


def settings_of(folder: Path, text: str = TEXT) -> Settings:
    path = folder / "dialtone.yaml"
    path.write_text(text)
    return load_settings(path, environment={})


def test_it_is_told_of_labels_prices_capabilities_and_teams(tmp_path: Path) -> None:
    catalog = Catalog.bundled()

    found = declaration_of(settings_of(tmp_path), catalog=catalog, at=5.0)

    assert found.at == 5.0
    assert list(found.integrations) == [
        DeclaredIntegration(
            integration="web", vendor="http", team="platform", environment="prod", tier="1", region="eu",
            currency="EUR", charged="ok", per_call=0.002, prices={"get": 0.01},
        ),
        DeclaredIntegration(integration="plain", vendor="http"),
    ]  # fmt: skip
    assert list(found.callers) == [DeclaredCaller(token="shop", team="checkout")]
    (vendor,) = found.vendors
    assert vendor.vendor == "http"
    assert {one.capability: one.actions for one in vendor.capabilities} == dict(
        catalog.manifest("http").capabilities
    )


def test_without_tokens_everyone_is_local(tmp_path: Path) -> None:
    text = TEXT.replace("tokens:", "").replace(
        f'  - {{name: shop, sha256: "{"0" * 64}", team: checkout}}', ""
    )

    found = declaration_of(settings_of(tmp_path, text), catalog=Catalog.bundled(), at=5.0)

    assert list(found.callers) == [DeclaredCaller(token="local")]


def test_no_hash_and_no_secret_is_told(tmp_path: Path) -> None:
    settings = settings_of(tmp_path, TEXT.replace("0" * 64, "f" * 64))
    assert settings.tokens[0] == TokenSettings(name="shop", sha256="f" * 64, team="checkout")

    found = declaration_of(settings, catalog=Catalog.bundled(), at=5.0)

    assert "ffff" not in repr(found)
    assert "invalid" not in repr(found)


def test_it_is_made_only_when_analytics_asks_for_it(tmp_path: Path) -> None:
    class Analytics:
        def __init__(self) -> None:
            self.asked: list[Declaration] = []

        def declare(self, declaration) -> None:
            self.later = declaration

    analytics = Analytics()
    declaring(analytics, Catalog.bundled())(settings_of(tmp_path), 7.0)

    assert analytics.later().at == 7.0
