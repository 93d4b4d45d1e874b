//! The machines that the image is for, in the words of Rust, of OCI and of ELF.

use clap::ValueEnum;

/// A kind of machine.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, ValueEnum)]
pub(crate) enum Architecture {
    #[value(name = "x86_64")]
    X86_64,
    #[value(name = "aarch64")]
    Aarch64,
}

impl Architecture {
    /// In the order in which an image index lists them.
    pub(crate) const ALL: [Self; 2] = [Self::X86_64, Self::Aarch64];

    /// As the options of the command name it.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::X86_64 => "x86_64",
            Self::Aarch64 => "aarch64",
        }
    }

    /// The target whose binaries need nothing from the system that runs them.
    pub(crate) fn triple(self) -> &'static str {
        match self {
            Self::X86_64 => "x86_64-unknown-linux-musl",
            Self::Aarch64 => "aarch64-unknown-linux-musl",
        }
    }

    /// `architecture` of an OCI image, which is Go's GOARCH.
    pub(crate) fn oci(self) -> &'static str {
        match self {
            Self::X86_64 => "amd64",
            Self::Aarch64 => "arm64",
        }
    }

    /// `variant` of an OCI platform.
    pub(crate) fn oci_variant(self) -> Option<&'static str> {
        match self {
            Self::X86_64 => None,
            Self::Aarch64 => Some("v8"),
        }
    }

    /// `e_machine` of an ELF file.
    pub(crate) fn elf_machine(self) -> u16 {
        match self {
            Self::X86_64 => 62,
            Self::Aarch64 => 183,
        }
    }

    /// The machine that runs us, if images are made for it.
    pub(crate) fn of_this_machine() -> Option<Self> {
        Self::ALL.into_iter().find(|architecture| architecture.name() == std::env::consts::ARCH)
    }
}
