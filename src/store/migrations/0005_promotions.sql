-- How revisions travel from environment to environment.
--
-- Glossary
--   promotion   what is under way into an environment: which revision, since when, its pull request
--   arrival     which commit of an environment's branch brought which revision of the environment before it: the content
--               alone does not tell where a forge squashed or rebased
--   decision    a person approved a revision for an environment, or waived one of its gates; void for any other revision
--   run         since when an environment was in sync at a revision

CREATE TABLE trueup.promotion (
  environment  text PRIMARY KEY,       -- the one that is promoted into
  promotion    text NOT NULL,          -- JSON
  saved_at     timestamptz NOT NULL DEFAULT now()
);

CREATE TABLE trueup.arrival (
  environment  text NOT NULL,
  commit_id    text NOT NULL,          -- on the environment's own branch
  revision     text NOT NULL,          -- on the branch of the environment before it
  arrived_at   timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (environment, commit_id)
);

CREATE TABLE trueup.decision (
  environment  text NOT NULL,          -- the one that is promoted into
  revision     text NOT NULL,
  gate         text NOT NULL,          -- '' approves the revision; a gate's name waives that gate
  decided_by   text NOT NULL,
  reason       text,
  decided_at   timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (environment, revision, gate, decided_by)
);

CREATE TABLE trueup.run (
  environment  text NOT NULL,
  revision     text NOT NULL,
  since        timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (environment, revision)
);
CREATE INDEX run_newest ON trueup.run (environment, since DESC);
