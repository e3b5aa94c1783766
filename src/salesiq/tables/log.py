"""Log: what salesiq writes about its own work."""

from __future__ import annotations

from salesiq.tables.fields import Moment, Money, Table, field, key, required


class Loads(Table):
    """One row per file and table that a load brought."""

    load_id: str = key("Load: a digest of what was loaded, equal for equal input.")
    table_name: str = key("Canonical table.")
    source_file: str = key("File, relative to what was loaded.")
    file_hash: str = field("SHA-256 of the file and of the mapping that read it.")
    series: str = field("What the exports that follow each other have in common: the file's name without dates and numbers.")
    encoding: str = field("Encoding that was found.")
    exported_at: Moment = required("Moment at which the source system gave the export.")
    n_rows_in: int = field("Rows in the file.", ge=0)
    n_new: int = field("Rows with a key not seen before.", ge=0)
    n_changed: int = field("Rows that replaced an older version.", ge=0)
    n_unchanged: int = field("Rows equal to what the book had.", ge=0)
    n_gone: int = field("Rows that the book has and this full export has no longer.", ge=0)
    n_rejected: int = field("Rows kept in rejects.", ge=0)
    n_skipped: int = field("Rows left out for a stated reason, such as a blank line.", ge=0)


class Rejects(Table):
    """One row per input row that was not loaded, with its first fault."""

    load_id: str = key("Load.")
    table_name: str = field("Canonical table it was meant for.")
    source_file: str = key("File, relative to what was loaded.")
    source_line: int = field("Line of the file, from 1, where the row begins.", ge=0)
    source_column: str = field("Column as the file names it; null when the whole row is at fault.")
    value: str = field("Value as it stood in the file.")
    reason: str = field("Reason, as a message key (load.*).")
    raw: str = field("The whole row as it stood in the file.")
    resolved_load_id: str = field("Load that brought the row again, mended or not; null while nobody has.")


class Alerts(Table):
    """One row per alert raised."""

    alert_id: str = key("Alert.")
    rule_id: str = field("Rule that raised it.")
    deal_id: str = field("Deal it is about.")
    customer_id: str = field("Customer it is about.")
    rep_id: str = field("Rep to act.")
    raised_at: Moment = required("When it was raised.")


class Interventions(Table):
    """One row per action taken upon an alert."""

    intervention_id: str = key("Intervention.")
    alert_id: str = field("Alert it answers.")
    deal_id: str = field("Deal.")
    rep_id: str = field("Rep who acted.")
    kind: str = field("What was done.")
    started_at: Moment = required("When it was done.")
    reaction: str = field("How the customer reacted.")
    amount: Money = field("Amount at stake, in the company's currency.")


class Models(Table):
    """One row per trained model."""

    model_id: str = key("Model.")
    kind: str = field("What it predicts.")
    fitted_at: Moment = required("Moment up to which it learned.")
    verdict: str = field("usable, with_care or no_signal.", isin=["usable", "with_care", "no_signal"])
    body: str = field("The model as JSON text; never a pickle.")
