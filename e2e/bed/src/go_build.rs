//! Building Go programs into a cache that is keyed by everything they are made from.

use std::{
    fs,
    os::unix::fs::symlink,
    path::{Path, PathBuf},
    process::Stdio,
    time::{Duration, Instant},
};

use anyhow::{Context, Result, bail};
use sha2::{Digest, Sha256};
use tokio::{
    io::{AsyncBufReadExt, BufReader},
    process::Command,
};

use crate::binaries::READY_BINARIES;

/// Between two lines of progress of a build.
const PROGRESS_EVERY: Duration = Duration::from_secs(5);

/// One `go build`.
pub(crate) struct GoBuild {
    /// What it is called in messages and in the cache.
    pub(crate) name: &'static str,
    pub(crate) module: PathBuf,
    /// `-ldflags`.
    pub(crate) linker_flags: String,
    pub(crate) package: &'static str,
    /// The programs it makes.
    pub(crate) programs: Vec<&'static str>,
    /// Further names of the first program.
    pub(crate) aliases: Vec<&'static str>,
}
impl GoBuild {
    /// The directory with the programs, built now if need be.
    pub(crate) async fn cached(&self, cache: &Path) -> Result<PathBuf> {
        let go = GoToolchain::find(&self.module).await?;
        let directory = cache.join(format!("{}-{}", self.name, self.key(&go)?));
        if directory.is_dir() {
            return Ok(directory);
        }
        fs::create_dir_all(cache).with_context(|| format!("creating {}", cache.display()))?;
        let lock_path = directory.with_extension("lock");
        let lock =
            fs::File::create(&lock_path).with_context(|| format!("creating {}", lock_path.display()))?;
        if lock.try_lock().is_err() {
            tracing::info!("another process builds {} already; waiting for it", self.name);
            let waiting = tokio::task::spawn_blocking(move || lock.lock().map(|()| lock));
            let _held = waiting.await?.with_context(|| format!("waiting for {}", lock_path.display()))?;
            return self.build_into(&directory, &go).await;
        }
        self.build_into(&directory, &go).await
    }

    /// A hash of everything that the programs depend on.
    fn key(&self, go: &GoToolchain) -> Result<String> {
        let mut inputs = Vec::new();
        for entry in
            fs::read_dir(&self.module).with_context(|| format!("reading {}", self.module.display()))?
        {
            let path = entry?.path();
            let is_source = path.extension().is_some_and(|extension| extension == "go");
            if is_source || path.ends_with("go.mod") || path.ends_with("go.sum") {
                inputs.push(path);
            }
        }
        inputs.sort();
        let mut hash = Sha256::new();
        let mut add = |bytes: &[u8]| {
            hash.update(bytes.len().to_le_bytes());
            hash.update(bytes);
        };
        for path in inputs {
            add(path.file_name().unwrap_or_default().as_encoded_bytes());
            add(&fs::read(&path).with_context(|| format!("reading {}", path.display()))?);
        }
        for word in self.arguments().iter().map(String::as_str).chain([go.version.as_str(), &go.platform]) {
            add(word.as_bytes());
        }
        for (name, value) in go.build_variables() {
            add(name.as_bytes());
            add(value.as_bytes());
        }
        let digest = hash.finalize();
        Ok(digest.iter().take(12).map(|byte| format!("{byte:02x}")).collect())
    }

    fn arguments(&self) -> [String; 6] {
        let words = ["build", "-v", "-trimpath", "-ldflags", &self.linker_flags, self.package];
        words.map(str::to_owned)
    }

    /// Builds aside and moves the result into place, so that a directory of
    /// the right name always holds whole programs.
    async fn build_into(&self, directory: &Path, go: &GoToolchain) -> Result<PathBuf> {
        if directory.is_dir() {
            return Ok(directory.to_owned());
        }
        let aside = directory.with_extension("new");
        // We hold the lock, so what lies there is of a build that was killed.
        if aside.is_dir() {
            fs::remove_dir_all(&aside).with_context(|| format!("removing {}", aside.display()))?;
        }
        fs::create_dir_all(&aside).with_context(|| format!("creating {}", aside.display()))?;
        let built = self.build(&aside, go).await;
        let moved = built.and_then(|()| {
            fs::rename(&aside, directory)
                .with_context(|| format!("moving programs to {}", directory.display()))
        });
        if moved.is_err() {
            // The build's error says more than a failure to clean up after it.
            let _cleaned = fs::remove_dir_all(&aside);
        }
        moved.map(|()| directory.to_owned())
    }

    async fn build(&self, out: &Path, go: &GoToolchain) -> Result<()> {
        let packages = self.count_packages(go).await?;
        tracing::info!(
            "building {} with {} ({packages} packages; minutes when nothing is cached, seconds else)",
            self.name,
            go.version
        );
        let [build, flags @ .., package] = self.arguments();
        let mut command = go.command(&self.module);
        command.arg(build).args(flags).arg("-o").arg(with_separator(out)).arg(package);
        let mut child =
            command.stderr(Stdio::piped()).kill_on_drop(true).spawn().context("starting `go build`")?;
        let stderr = child.stderr.take().context("the output of `go build`")?;
        let failure = self.report_progress(BufReader::new(stderr), packages).await?;
        let status = child.wait().await.context("waiting for `go build`")?;
        if !status.success() {
            bail!("building {} failed:\n{}", self.name, failure.join("\n"));
        }
        if let [program, ..] = self.programs.as_slice() {
            for alias in &self.aliases {
                symlink(program, out.join(alias))
                    .with_context(|| format!("naming {program} also {alias}"))?;
            }
        }
        for program in &self.programs {
            if !out.join(program).is_file() {
                bail!("`go build` in {} made no `{program}`", self.module.display());
            }
        }
        Ok(())
    }

    /// How many packages there are, for the progress.
    async fn count_packages(&self, go: &GoToolchain) -> Result<usize> {
        let mut command = go.command(&self.module);
        command.args(["list", "-deps", self.package]);
        let output = command.output().await.context("starting `go list`")?;
        if !output.status.success() {
            bail!(
                "the modules of {} could not be loaded:\n{}",
                self.name,
                String::from_utf8_lossy(&output.stderr)
            );
        }
        Ok(output.stdout.iter().filter(|&&byte| byte == b'\n').count())
    }

    /// Says how far the build is, and returns the last lines, which are the
    /// errors when it fails. `go build -v` prints a line per compiled package.
    async fn report_progress(
        &self,
        output: impl tokio::io::AsyncBufRead + Unpin,
        packages: usize,
    ) -> Result<Vec<String>> {
        let started = Instant::now();
        let (mut compiled, mut last) = (0_usize, Vec::new());
        let mut lines = output.lines();
        let mut tick = tokio::time::interval(PROGRESS_EVERY);
        tick.tick().await;
        loop {
            tokio::select! {
                line = lines.next_line() => match line.context("reading the output of `go build`")? {
                    Some(line) => {
                        compiled += 1;
                        last.push(line);
                        if last.len() > 40 {
                            last.remove(0);
                        }
                    }
                    None => return Ok(last),
                },
                _ = tick.tick() => tracing::info!(
                    "building {}: {compiled} of {packages} packages compiled (cached ones are not counted), {} s",
                    self.name,
                    started.elapsed().as_secs()
                ),
            }
        }
    }
}

/// `go build -o` takes a path with a separator at its end for a directory.
fn with_separator(path: &Path) -> PathBuf {
    path.join("")
}

/// The Go that builds a module.
struct GoToolchain {
    /// Such as `go1.26.8`.
    version: String,
    platform: String,
}

impl GoToolchain {
    /// The oldest minor release of Go 1 that Kubernetes 1.36 and OCM take.
    const OLDEST: u32 = 26;

    async fn find(module: &Path) -> Result<Self> {
        let advice = format!(
            "install Go 1.{} or newer (https://go.dev/dl), or name ready programs in {READY_BINARIES}",
            Self::OLDEST
        );
        let mut command = Command::new("go");
        command.args(["env", "GOVERSION", "GOOS", "GOARCH"]).current_dir(module).stdin(Stdio::null());
        let output = match command.output().await {
            Ok(output) => output,
            Err(error) => bail!(
                "the bed builds its programs with Go, and `go` could not be started ({error}): {advice}"
            ),
        };
        let printed = String::from_utf8_lossy(&output.stdout);
        let mut words = printed.split_ascii_whitespace();
        let (Some(version), Some(os), Some(arch)) = (words.next(), words.next(), words.next()) else {
            bail!(
                "`go env` failed in {} ({}): {advice}",
                module.display(),
                String::from_utf8_lossy(&output.stderr).trim()
            );
        };
        let toolchain = Self { version: version.to_owned(), platform: format!("{os}/{arch}") };
        match minor(version) {
            Some(minor) if minor >= Self::OLDEST => Ok(toolchain),
            _ => bail!("the bed builds its programs with Go, and `go` is {version}: {advice}"),
        }
    }

    fn command(&self, module: &Path) -> Command {
        let mut command = Command::new("go");
        command.current_dir(module).stdin(Stdio::null()).envs(self.build_variables());
        command
    }

    fn build_variables(&self) -> Vec<(&'static str, &'static str)> {
        let mut variables = vec![("CGO_ENABLED", "0"), ("GOFLAGS", "-mod=readonly"), ("GOWORK", "off")];
        // From Go 1.27 on, encoding/json is json/v2, with which Kubernetes up
        // to 1.36 serves a broken OpenAPI document.
        if minor(&self.version).is_some_and(|minor| minor >= 27) {
            variables.push(("GOEXPERIMENT", "nojsonv2"));
        }
        variables
    }
}

/// The minor release in `go1.26.8`.
fn minor(version: &str) -> Option<u32> {
    let digits = version.strip_prefix("go1.")?;
    let end = digits.find(|c: char| !c.is_ascii_digit()).unwrap_or(digits.len());
    digits.get(..end)?.parse().ok()
}
#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_minor_release_of_go_is_read_from_every_form_of_its_version() {
        for (version, expected) in [
            ("go1.26.8", Some(26)),
            ("go1.27rc1", Some(27)),
            ("go1.26", Some(26)),
            ("go1.26.8 X:nojsonv2", Some(26)),
            ("devel go1.28-abc", None),
        ] {
            assert_eq!(minor(version), expected, "{version}");
        }
    }

    #[test]
    fn the_cache_key_follows_sources_toolchain_and_flags() {
        let dir = std::env::temp_dir().join(format!("fcb-key-{}", std::process::id()));
        fs::create_dir_all(&dir).unwrap();
        fs::write(dir.join("go.mod"), "module x\nrequire k8s.io/kubernetes v1.36.3\n").unwrap();
        fs::write(dir.join("README"), "not an input").unwrap();
        let go = |version: &str| GoToolchain { version: version.into(), platform: "linux/amd64".into() };
        let build = |linker_flags: &str| GoBuild {
            name: "x",
            module: dir.clone(),
            linker_flags: linker_flags.into(),
            package: ".",
            programs: vec!["x"],
            aliases: Vec::new(),
        };
        let key = |version: &str| build("-s").key(&go(version)).unwrap();

        let first = key("go1.26.8");
        fs::write(dir.join("README"), "changed").unwrap();
        assert_eq!(first, key("go1.26.8"), "a file that is no input changed the key");
        assert_ne!(first, key("go1.26.9"), "the toolchain did not change the key");
        fs::write(dir.join("main.go"), "package main").unwrap();
        let with_source = key("go1.26.8");
        assert_ne!(first, with_source, "a source did not change the key");
        assert_ne!(
            with_source,
            build("-w").key(&go("go1.26.8")).unwrap(),
            "the flags did not change the key"
        );
        fs::write(dir.join("go.mod"), "module x\nrequire k8s.io/kubernetes v1.36.4\n").unwrap();
        assert_ne!(with_source, key("go1.26.8"), "the required version did not change the key");
        fs::remove_dir_all(&dir).unwrap();
    }
}
