//! The container image, made without a container engine: static binaries, layers, and an OCI archive
//! that is the same, bit for bit, whenever commit and tools are. docs/image.md says it for users.

mod about;
mod architecture;
mod check;
mod compile;
mod digest;
mod elf;
mod layer;
mod oci;
mod root_certificates;
mod sbom;
mod tools;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use clap::{Args, ValueEnum};

use self::about::About;
use self::architecture::Architecture;
use self::sbom::Crates;
use crate::process;

/// The crate whose program the image holds.
const PACKAGE: &str = "fleetconfig-controller";

/// What the image runs.
const ENTRYPOINT: &str = "/fleetconfig-controller";

/// Who runs it: the number that distroless images gave this user.
const USER: u32 = 65532;

/// Compressed layers of one machine. What is larger starts noticeably later on a fresh node.
const MOST_BYTES: usize = 20_000_000;

/// Options of `image`.
#[derive(Args)]
pub(crate) struct Image {
    /// Which machines the image is for.
    #[arg(long, value_enum, default_value_t = Target::All)]
    target: Target,
    /// The archive. The SBOMs are written beside it. [default: image/fleetconfig-controller.tar under
    /// cargo's target directory]
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
    /// What the image is called where it is loaded, as in example.com/fleetconfig-controller:1.0.
    /// [default: localhost/fleetconfig-controller:VERSION]
    #[arg(long, value_name = "NAME:TAG")]
    tag: Option<String>,
    /// Take a program that was built before, perhaps on another machine, instead of building it.
    #[arg(long, value_name = "ARCHITECTURE=FILE", value_parser = given_program)]
    program: Vec<(Architecture, PathBuf)>,
    /// Build nothing: look whether this archive is sound, and whether skopeo and podman accept it.
    #[arg(long, value_name = "FILE", conflicts_with_all = ["target", "out", "tag", "program"])]
    check: Option<PathBuf>,
}

/// `--target`.
#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Target {
    #[value(name = "x86_64")]
    X86_64,
    #[value(name = "aarch64")]
    Aarch64,
    All,
}

impl Target {
    fn architectures(self) -> &'static [Architecture] {
        match self {
            Self::X86_64 => &[Architecture::X86_64],
            Self::Aarch64 => &[Architecture::Aarch64],
            Self::All => &Architecture::ALL,
        }
    }
}

fn given_program(text: &str) -> Result<(Architecture, PathBuf), String> {
    let (architecture, file) = text.split_once('=').ok_or("expected ARCHITECTURE=FILE")?;
    Ok((Architecture::from_str(architecture, false)?, file.into()))
}

impl Image {
    pub(crate) fn run(&self) -> Result<()> {
        if let Some(file) = &self.check {
            return check::archive(file, &check::Accepters::that_are_installed());
        }
        let out = self.out.clone().unwrap_or_else(default_archive);
        let given: BTreeMap<Architecture, PathBuf> = self.program.iter().cloned().collect();
        build(self.target.architectures(), &given, self.tag.as_deref(), &out)
    }
}

fn default_archive() -> PathBuf {
    process::target().join(format!("image/{PACKAGE}.tar"))
}

/// What the full tier does: an image for this machine, accepted by skopeo and podman.
pub(crate) struct Acceptance {
    architecture: Architecture,
    accepters: check::Accepters,
}

impl Acceptance {
    /// `None` where something for it is missing, which is said.
    ///
    /// # Errors
    /// The same, on CI.
    pub(crate) fn that_is_possible() -> Result<Option<Self>> {
        let Some(architecture) = Architecture::of_this_machine() else {
            eprintln!("the image is not checked: none is made for {}", std::env::consts::ARCH);
            return Ok(None);
        };
        match tools::for_images().and_then(|()| check::Accepters::all()) {
            Ok(accepters) => Ok(Some(Self { architecture, accepters })),
            Err(missing) if std::env::var_os("CI").is_some() => Err(missing),
            Err(missing) => {
                eprintln!("the image is not checked: {missing}");
                Ok(None)
            }
        }
    }

    pub(crate) fn run(&self) -> Result<()> {
        let archive = default_archive();
        build(&[self.architecture], &BTreeMap::new(), None, &archive)?;
        check::archive(&archive, &self.accepters)
    }
}

fn build(
    architectures: &[Architecture],
    given: &BTreeMap<Architecture, PathBuf>,
    tag: Option<&str>,
    out: &Path,
) -> Result<()> {
    if let Some(architecture) = given.keys().find(|given| !architectures.contains(given)) {
        bail!("--program gives one for {0}, and --target does not ask for {0}", architecture.name());
    }
    if architectures.iter().any(|architecture| !given.contains_key(architecture)) {
        tools::for_images()?;
    }
    let about = About::of_this_checkout(tag)?;
    let toolchain = compile::toolchain()?;
    let mut contents = Vec::new();
    for &architecture in architectures {
        let path = match given.get(&architecture) {
            Some(path) => path.clone(),
            None => compile::controller(architecture, about.epoch)?,
        };
        let program = std::fs::read(&path).with_context(|| format!("reading {}", path.display()))?;
        let crates = Crates::of_the_controller(architecture)?;
        contents.push(
            content(architecture, program, &crates, &about, &toolchain)
                .with_context(|| format!("the program {}", path.display()))?,
        );
    }
    write(&contents, &about, out)
}

/// One machine's part of the image, from its program.
fn content(
    architecture: Architecture,
    program: Vec<u8>,
    crates: &Crates,
    about: &About,
    toolchain: &str,
) -> Result<oci::Content> {
    elf::require_static(&program, architecture)?;
    sbom::require_embedded(&program, crates)?;
    let sbom = crates.cyclonedx(&program, about, toolchain)?;
    Ok(oci::Content { architecture, layers: vec![layer::base()?, layer::program(program)?], sbom })
}

fn write(contents: &[oci::Content], about: &About, out: &Path) -> Result<()> {
    let archive = oci::archive(contents, about)?;
    for (architecture, &bytes) in &archive.pulled {
        if bytes > MOST_BYTES {
            bail!(
                "the image for {} is {} compressed, and at most {} is wanted; see what grew with `cargo bloat`",
                architecture.name(),
                megabytes(bytes),
                megabytes(MOST_BYTES)
            );
        }
    }
    let directory = out.parent().unwrap_or(Path::new(""));
    std::fs::create_dir_all(directory).with_context(|| format!("making {}", directory.display()))?;
    let file = |path: &Path, bytes: &[u8]| {
        std::fs::write(path, bytes).with_context(|| format!("writing {}", path.display()))
    };
    for content in contents {
        file(&directory.join(sbom::file_name(content.architecture)), &content.sbom)?;
    }
    file(out, &archive.tar)?;
    println!("{}", out.display());
    println!("  name      {}", about.reference());
    println!("  digest    {}", archive.index);
    println!("  revision  {}", about.revision);
    for (architecture, &bytes) in &archive.pulled {
        println!("  {:<8}  {} compressed", architecture.name(), megabytes(bytes));
    }
    Ok(())
}

/// As registries count them.
fn megabytes(bytes: usize) -> String {
    format!("{}.{} MB", bytes / 1_000_000, bytes % 1_000_000 / 100_000)
}

#[cfg(test)]
mod tests;
