//! Whether a file is a program that an empty file system can run.

use anyhow::{Result, ensure};

use super::architecture::Architecture;

/// The program header that names a dynamic loader.
const PT_INTERP: u32 = 3;

/// Checks that this is a static program for that machine: nothing in the image could load libraries.
///
/// # Errors
/// What it is instead.
pub(crate) fn require_static(program: &[u8], architecture: Architecture) -> Result<()> {
    // Little endian of 64 bits, which both architectures are.
    ensure!(program.starts_with(b"\x7fELF\x02\x01"), "it is no 64-bit little-endian ELF file");
    let machine = number(program, 18, 2);
    ensure!(
        machine == Some(architecture.elf_machine().into()),
        "it is not for {}: its ELF machine is {machine:?}",
        architecture.name()
    );
    let headers = (number(program, 32, 8), number(program, 54, 2), number(program, 56, 2));
    let (Some(start), Some(size), Some(count)) = headers else {
        anyhow::bail!("its ELF header is cut off");
    };
    for index in 0..count {
        let kind = start.checked_add(index * size).and_then(|at| number(program, at, 4));
        ensure!(kind.is_some(), "its program headers are cut off");
        ensure!(
            kind != Some(PT_INTERP.into()),
            "it is linked dynamically, and the image has no libraries; build it for {}",
            architecture.triple()
        );
    }
    Ok(())
}

/// A little-endian number of so many bytes.
fn number(bytes: &[u8], at: u64, length: usize) -> Option<u64> {
    let at = usize::try_from(at).ok()?;
    let bytes = bytes.get(at..at.checked_add(length)?)?;
    Some(bytes.iter().rev().fold(0, |number, byte| number << 8 | u64::from(*byte)))
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    /// The smallest file that passes for a program: an ELF header and program headers of these kinds.
    pub(crate) fn program(architecture: Architecture, kinds: &[u32]) -> Vec<u8> {
        let mut file = vec![0; 64];
        file[..6].copy_from_slice(b"\x7fELF\x02\x01");
        file[18..20].copy_from_slice(&architecture.elf_machine().to_le_bytes());
        file[32] = 64;
        file[54] = 56;
        file[56] = u8::try_from(kinds.len()).unwrap();
        for kind in kinds {
            file.extend(kind.to_le_bytes());
            file.extend([0; 52]);
        }
        file
    }

    #[test]
    fn only_a_static_program_of_the_machine_is_taken() {
        let refused = |file: &[u8]| require_static(file, Architecture::X86_64).unwrap_err().to_string();
        require_static(&program(Architecture::X86_64, &[1, 2]), Architecture::X86_64).unwrap();
        let dynamic = refused(&program(Architecture::X86_64, &[6, PT_INTERP, 1]));
        assert!(dynamic.contains("dynamically") && dynamic.contains("linux-musl"), "{dynamic}");
        let other = refused(&program(Architecture::Aarch64, &[1]));
        assert!(other.contains("not for x86_64"), "{other}");
        assert!(refused(b"#!/bin/sh\n").contains("no 64-bit"));
        assert!(refused(&program(Architecture::X86_64, &[1])[..66]).contains("cut off"));
        assert!(refused(&program(Architecture::X86_64, &[1])[..50]).contains("cut off"));
    }
}
