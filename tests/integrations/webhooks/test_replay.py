from integrations.webhooks.replay import ReplayWindow


def test_an_id_is_known_within_its_window_and_forgotten_after_it() -> None:
    window = ReplayWindow()

    seen = [window.seen("github", "a", now=now, window=10.0) for now in (0.0, 9.9, 10.0, 15.0)]

    assert seen == [False, True, False, True]


def test_integrations_do_not_share_ids() -> None:
    window = ReplayWindow()

    assert not window.seen("one", "a", now=0.0, window=10.0)
    assert not window.seen("two", "a", now=0.0, window=10.0)
    window.forget("one")
    assert not window.seen("one", "a", now=1.0, window=10.0)
    assert window.seen("two", "a", now=1.0, window=10.0)


def test_a_full_window_forgets_the_oldest() -> None:
    window = ReplayWindow(bound=3)

    for name in "abcd":
        window.seen("x", name, now=0.0, window=10.0)

    assert len(window) == 3
    assert not window.seen("x", "a", now=1.0, window=10.0)
    assert window.seen("x", "d", now=1.0, window=10.0)


def test_what_is_over_is_dropped() -> None:
    window = ReplayWindow()
    window.seen("x", "a", now=0.0, window=5.0)
    window.seen("x", "b", now=1.0, window=5.0)

    window.seen("x", "c", now=7.0, window=5.0)

    assert len(window) == 1
