-- How revisions roll out within an environment.
--
-- Glossary
--   rollout     how the newest revision of an environment rolls out: which groups are done, or why it failed
--   failed run  a revision that is not tried again

CREATE TABLE trueup.rollout (
  environment  text PRIMARY KEY,
  rollout      text NOT NULL,          -- JSON
  saved_at     timestamptz NOT NULL DEFAULT now()
);

ALTER TABLE trueup.run
  ADD COLUMN failed_at timestamptz,
  ADD COLUMN failure   text;           -- why
