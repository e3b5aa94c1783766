-- quality.is_filled: whether a text says something: four characters of content, no filler, more than its
-- first three characters over and over (好好好好, 123123).
CREATE OR REPLACE MACRO quality.is_filled(words) AS
    coalesce(
        regexp_matches(words, quality.lexicon().content)
        AND NOT regexp_matches(words, quality.lexicon().filler)
        -- whoever ends with one of the first three is looked at closely: trim() is the dearest of the four tests
        AND CASE WHEN contains(left(words, 3), right(words, 1)) THEN trim(words, left(words, 3)) <> '' ELSE true END,
        false
    );

-- quality.points: what each part of a record is worth; together 100. The one place where the weights stand.
--   timeliness falls in a straight line from full at prompt_hours after the visit to nothing at late_hours
CREATE OR REPLACE MACRO quality.points() AS {
    'timeliness': 30.0, 'prompt_hours': 2.0, 'late_hours': 24.0,
    'pain_point': 10, 'solution_fit': 10, 'next_step': 10, 'customer_words': 10,
    'next_step_time': 15, 'next_step_deliverable': 15
};

-- quality.record_facts: one row per activity record known at as_of, with what the score is made of.
--   entered_at       when it was entered; where the export does not say, when it took place
--   entry_hours      DOUBLE >= 0 from the visit to its entry; a visit dated without a time of day ends with its day.
--                    NULL where no entry time is known, or where it was entered before the visit (is_ahead): then it says
--                    nothing about when the result was written
--   has_*            whether the text is filled, see quality.is_filled; a next step's time and deliverable count only with it
CREATE OR REPLACE MACRO quality.record_facts(as_of) AS TABLE
WITH timed AS (
    SELECT
        *,
        (epoch_us(recorded_at) - epoch_us(occurred_at)) / 3600e6
            - CASE WHEN occurred_at = date_trunc('day', occurred_at) THEN 24 ELSE 0 END AS raw_hours,
        coalesce(recorded_at < occurred_at - to_hours(quality.points().prompt_hours::INTEGER), false) AS is_ahead
    FROM base.activities(as_of := as_of)
)
SELECT
    activity_id, rep_id, deal_id, customer_id, occurred_at,
    greatest(occurred_at, recorded_at) AS entered_at,  -- greatest() passes over NULL
    CASE WHEN NOT is_ahead AND recorded_at IS NOT NULL THEN greatest(raw_hours, 0.0) END AS entry_hours,
    is_ahead,
    quality.is_filled(pain_point) AS has_pain_point,
    quality.is_filled(solution_fit) AS has_solution_fit,
    quality.is_filled(next_step) AS has_next_step,
    quality.is_filled(customer_words) AS has_customer_words,
    coalesce(next_step_due_at >= date_trunc('day', occurred_at), false)
        OR coalesce(regexp_matches(next_step, quality.lexicon().time), false) AS has_time,
    coalesce(regexp_matches(next_step, quality.lexicon().deliverable), false) AS has_deliverable,
    source_file, source_line
FROM timed;

-- quality.record_score: one row per activity record known at as_of.
--   score          DOUBLE 0 to 100, one decimal: the sum of the three parts; where timeliness is NULL, the other two scaled to 100
--   timeliness     DOUBLE 0 to 30, one decimal: full when entered within 2 h of the visit, falling in a straight line to 0 at 24 h;
--                  NULL where it cannot be told (entry_hours is NULL)
--   completeness   DOUBLE 0 to 40: 10 each for pain point, solution fit, next step, the customer's own words
--   verifiability  DOUBLE 0 to 30: 15 each for a next step that has a time and one that has a deliverable
--   reasons        VARCHAR[] of what was missed, in a fixed order: the keys of the texts "quality.REASON"; empty at 100
--   is_minimum_met the three required fields are there: pain point, solution fit, next step with its time
CREATE OR REPLACE MACRO quality.record_score(as_of) AS TABLE
WITH parts AS (
    SELECT
        *,
        round(quality.points().timeliness * least(1.0, greatest(0.0,
            (quality.points().late_hours - entry_hours) / (quality.points().late_hours - quality.points().prompt_hours)
        )), 1) AS prompt_points,
        (has_pain_point::INTEGER * quality.points().pain_point
            + has_solution_fit::INTEGER * quality.points().solution_fit
            + has_next_step::INTEGER * quality.points().next_step
            + has_customer_words::INTEGER * quality.points().customer_words)::DOUBLE AS completeness,
        ((has_next_step AND has_time)::INTEGER * quality.points().next_step_time
            + (has_next_step AND has_deliverable)::INTEGER * quality.points().next_step_deliverable)::DOUBLE AS verifiability
    FROM quality.record_facts(as_of := as_of)
)
SELECT
    activity_id, rep_id,
    CASE WHEN entry_hours IS NULL
         THEN round(100 * (completeness + verifiability) / (100 - quality.points().timeliness), 1)
         ELSE round(prompt_points + completeness + verifiability, 1) END AS score,
    CASE WHEN entry_hours IS NOT NULL THEN prompt_points END AS timeliness,  -- least() and greatest() pass over NULL
    completeness, verifiability,
    list_filter([
        CASE WHEN is_ahead THEN 'entered_ahead' WHEN entry_hours IS NULL THEN 'no_entry_time'
             WHEN entry_hours > quality.points().prompt_hours THEN 'late_entry' END,
        CASE WHEN NOT has_pain_point THEN 'no_pain_point' END,
        CASE WHEN NOT has_solution_fit THEN 'no_solution_fit' END,
        CASE WHEN NOT has_next_step THEN 'no_next_step' END,
        CASE WHEN NOT has_customer_words THEN 'no_customer_words' END,
        CASE WHEN has_next_step AND NOT has_time THEN 'next_step_without_time' END,
        CASE WHEN has_next_step AND NOT has_deliverable THEN 'next_step_without_deliverable' END
    ], lambda reason: reason IS NOT NULL) AS reasons,
    has_pain_point AND has_solution_fit AND has_next_step AND has_time AS is_minimum_met,
    entry_hours, occurred_at, entered_at, deal_id, customer_id, source_file, source_line
FROM parts;
