-- Glossary
--   schedule  something that is done by the clock, such as a report that is sent; named by what trueup.yaml says of it

CREATE TABLE trueup.schedule (
  schedule  text PRIMARY KEY,
  taken     timestamptz NOT NULL      -- the latest of its times that was done: no controller does it, or an earlier one, again
);
