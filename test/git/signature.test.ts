import { execFile } from "node:child_process";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { openSource, type Source } from "../../src/git/source.js";
import { makeRepository, type TestRepository } from "../support/git-repository.js";

const run = promisify(execFile);
const never = new AbortController().signal;

const unavailable = await run("ssh-keygen", ["-?"]).then(
  () => undefined,
  (error: unknown) =>
    error instanceof Error && "code" in error && error.code === "ENOENT" ? "no ssh-keygen" : undefined,
);

describe.skipIf(unavailable !== undefined)(
  `signed commits (skipped where there is ${unavailable ?? "no ssh-keygen"})`,
  () => {
    let root: string;
    let repository: TestRepository;
    let source: Source;

    beforeAll(async () => {
      root = await mkdtemp(join(tmpdir(), "trueup-signed-"));
      repository = await makeRepository(join(root, "repo"));
      for (const name of ["ann", "eve", "old"]) {
        await run("ssh-keygen", ["-q", "-t", "ed25519", "-N", "", "-C", name, "-f", join(root, name)]);
      }
      await writeFile(
        join(root, "signers"),
        `ann@example.org ${await readFile(join(root, "ann.pub"), "utf8")}` +
          `old@example.org valid-before="20200101" ${await readFile(join(root, "old.pub"), "utf8")}`,
      );
      source = await openSource({
        url: repository.folder,
        folder: join(root, "mirror"),
        signers: join(root, "signers"),
      });
    });
    afterAll(async () => {
      await source.close();
      await rm(root, { recursive: true, force: true });
    });

    async function signed(key: string): Promise<string> {
      const settings = ["-c", "gpg.format=ssh", "-c", `user.signingkey=${join(root, key)}`];
      await repository.git(...settings, "commit", "--quiet", "--allow-empty", "-S", "-m", `by ${key}`);
      await source.refresh(never);
      return repository.git("rev-parse", "HEAD");
    }

    it("accepts a commit signed by an allowed signer", async () => {
      await expect(source.verify(await signed("ann"))).resolves.toBeUndefined();
    });

    it("refuses a key that is not listed, and one whose time is over", async () => {
      await expect(source.verify(await signed("eve"))).rejects.toMatchObject({ code: "GIT_UNSIGNED", hint: /signers/ });
      await expect(source.verify(await signed("old"))).rejects.toMatchObject({ code: "GIT_UNSIGNED" });
    });

    it("refuses a commit without a signature, also where its message shows one", async () => {
      const text = await repository.git("cat-file", "commit", await signed("ann"));
      const commit = await repository.commit({}, `take my word\n\n${text}`);
      await source.refresh(never);
      await expect(source.verify(commit)).rejects.toMatchObject({ code: "GIT_UNSIGNED", message: /is not signed/ });
    });

    it("refuses a commit that was changed after it was signed", async () => {
      const text = await repository.git("cat-file", "commit", await signed("ann"));
      await writeFile(join(root, "forged"), text.replace("by ann", "by eve") + "\n");
      const forged = await repository.git("hash-object", "-t", "commit", "-w", join(root, "forged"));
      await repository.git("update-ref", "refs/heads/forged", forged);
      await source.refresh(never);
      await expect(source.verify(forged)).rejects.toMatchObject({
        code: "GIT_UNSIGNED",
        message: /no valid signature/,
      });
    });

    it("refuses an OpenPGP signature, whatever the keyring says", async () => {
      const text = await repository.git("cat-file", "commit", await signed("ann"));
      const pgp = text
        .replace("-----BEGIN SSH SIGNATURE-----", "-----BEGIN PGP SIGNATURE-----")
        .replace("-----END SSH SIGNATURE-----", "-----END PGP SIGNATURE-----");
      await writeFile(join(root, "pgp"), `${pgp}\n`);
      const commit = await repository.git("hash-object", "-t", "commit", "-w", join(root, "pgp"));
      await repository.git("update-ref", "refs/heads/pgp", commit);
      await source.refresh(never);
      await expect(source.verify(commit)).rejects.toMatchObject({
        code: "GIT_UNSIGNED",
        message: /not with an ssh key/,
      });
    });

    it("names a file of signers that is not there, and checks nothing where none is set", async () => {
      const commit = await repository.commit({});
      for (const [folder, signers] of [
        ["mirror2", join(root, "nowhere")],
        ["mirror3", undefined],
      ] as const) {
        const other = await openSource({
          url: repository.folder,
          folder: join(root, folder),
          ...(signers !== undefined && { signers }),
        });
        await other.refresh(never);
        if (signers === undefined) await expect(other.verify(commit)).resolves.toBeUndefined();
        else
          await expect(other.verify(commit)).rejects.toMatchObject({
            code: "CONFIG_INVALID",
            where: { file: signers },
          });
        await other.close();
      }
    });
  },
);
