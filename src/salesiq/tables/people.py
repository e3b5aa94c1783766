"""People: what reps can do."""

from __future__ import annotations

from salesiq.tables.fields import Moment, Table, field, key, required


class Scenarios(Table):
    """One row per sales scenario that people are trained in."""

    scenario_id: str = key("Scenario.")
    phase: str = field("lead, diagnosis, proposal, objections or signing.")
    name: str = field("Name.")


class ScenarioScores(Table):
    """One row per score that a rater gave a rep in a scenario."""

    rep_id: str = key("Rep who was scored.")
    scenario_id: str = key("Scenario.")
    deal_id: str = field("Deal it was seen in.")
    rater_id: str = key("Person who scored.")
    scored_at: Moment = required("When it was scored.")
    score: float = field("0 to 100.", ge=0, le=100)


class Proposals(Table):
    """One row per proposal a newcomer handed in for the onboarding gate."""

    proposal_id: str = key("Proposal.")
    rep_id: str = field("Rep who wrote it.")
    deal_id: str = field("Deal it is for.")
    submitted_at: Moment = required("When it was handed in.")
    background: str = field("The customer's background.")
    pain_points: str = field("The customer's problems.")
    value_points: str = field("What we offer for them.")
    next_step: str = field("What comes next.")
    reviewer_id: str = field("Person who reviewed it.")
    reviewed_at: Moment = field("When it was reviewed; null while it waits.")
    is_passed: bool = field("Whether it passed; null while it waits.")
    comment: str = field("The reviewer's comment.")
