"""What the notifier counts."""

from exporters.catalogue import CATALOGUE
from tests.fakes.alerting import Desk, alert


def test_notifications_and_decisions_are_counted_by_receiver() -> None:
    desk = Desk()
    desk.fire(alert())
    desk.wait(10)
    desk.end(alert())
    desk.wait(10)
    samples = {(each.metric, each.labels): each.value for each in desk.notifier.samples()}
    assert samples["dialtone_notifications_total", ("pager", "first")] == 1
    assert samples["dialtone_notifications_total", ("pager", "all_resolved")] == 1
    assert samples["dialtone_notification_decisions_total", ("pager", "sent")] == 2
    assert samples["dialtone_alert_groups", ()] == 0


def test_groups_are_counted_while_they_fire_and_while_they_wait() -> None:
    desk = Desk()
    desk.fire(alert(), alert(vendor="slack"))

    def count(metric: str) -> float:
        return next(each.value for each in desk.notifier.samples() if each.metric == metric)

    assert (count("dialtone_alert_groups"), count("dialtone_alert_groups_waiting")) == (2, 2)
    desk.wait(10)
    assert (count("dialtone_alert_groups"), count("dialtone_alert_groups_waiting")) == (2, 0)


def test_every_metric_is_in_the_catalogue_with_its_labels() -> None:
    desk = Desk()
    desk.fire(alert())
    desk.wait(10)
    for sample in desk.notifier.samples():
        assert len(sample.labels) == len(CATALOGUE[sample.metric].labels)
