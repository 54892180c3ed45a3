-- Glossary
--   proposal      what Trueup knows of a target's drift pull request: what it proposes, where it stands
--   pull_request  on a forge of our own (`local`): the pull request itself, whose branch is in the repository

CREATE TABLE trueup.proposal (
  environment  text NOT NULL,
  target       text NOT NULL,
  proposal     text NOT NULL,         -- JSON; values as their keyed hash
  saved_at     timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (environment, target)
);

CREATE TABLE trueup.pull_request (
  number       bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  head         text NOT NULL,
  pull_request text NOT NULL,         -- JSON
  state        text NOT NULL,
  opened_at    timestamptz NOT NULL DEFAULT now()
);
CREATE UNIQUE INDEX pull_request_open ON trueup.pull_request (head) WHERE state = 'open';
