"""Business time: working days with 调休, a working-hours clock, fiscal periods, and the reading of `as_of`."""

from salesiq.calendar.days import FIRST_DAY, LAST_DAY, Calendar
from salesiq.calendar.moments import parse_moment
from salesiq.calendar.periods import Grain, Period, periods_between

__all__ = ["FIRST_DAY", "LAST_DAY", "Calendar", "Grain", "Period", "parse_moment", "periods_between"]
