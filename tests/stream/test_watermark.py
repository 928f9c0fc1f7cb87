from cxstream.stream.watermark import _STILL, Watermark


def test_everything_before_the_ends_has_to_be_applied():
    mark = Watermark()
    mark.ask(100, {"a": 5, "b": 0}, wall=0)
    assert mark.look({"a": 3}, wall=10) == 0
    assert mark.look({"a": 4}, wall=20) == 100


def test_later_ends_wait_until_the_earlier_ones_are_reached():
    mark = Watermark()
    mark.ask(100, {"a": 5}, wall=0)
    mark.ask(200, {"a": 50}, wall=10)
    assert mark.look({"a": 4}, wall=20) == 100
    mark.ask(300, {"a": 60}, wall=30)
    assert mark.look({"a": 58}, wall=40) == 100
    assert mark.look({"a": 59}, wall=50) == 300


def test_ends_that_are_never_reached_are_given_up_when_nothing_moves_though_the_broker_answers():
    mark = Watermark()
    mark.ask(100, {"a": 5}, wall=0)
    assert mark.look({"a": 3}, wall=10) == 0
    mark.ask(200, {"a": 5}, wall=10 + _STILL)
    assert mark.look({"a": 3}, wall=10 + _STILL) == 0
    mark.ask(300, {"a": 5}, wall=11 + _STILL)
    assert mark.look({"a": 3}, wall=11 + _STILL) == 100


def test_no_deadline_passes_while_the_broker_is_away():
    mark = Watermark()
    mark.ask(100, {"a": 5}, wall=0)
    assert mark.look({"a": 3}, wall=10) == 0
    assert mark.look({"a": 3}, wall=100 * _STILL) == 0


def test_it_never_goes_back():
    mark = Watermark()
    mark.ask(100, {}, wall=0)
    assert mark.look({}, wall=0) == 100
    mark.ask(50, {}, wall=0)
    assert mark.look({}, wall=0) == 100
