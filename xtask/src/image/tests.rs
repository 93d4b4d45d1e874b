//! The whole way from programs to an archive, with programs of a few bytes.

use serde_json::Value;

use super::*;

fn example(architecture: Architecture) -> oci::Content {
    let program = elf::tests::program(architecture, &[1]);
    oci::Content {
        architecture,
        layers: vec![layer::base().unwrap(), layer::program(program).unwrap()],
        sbom: b"{\"bomFormat\":\"CycloneDX\"}".to_vec(),
    }
}

fn archive(architectures: &[Architecture]) -> oci::Archive {
    let contents: Vec<_> = architectures.iter().copied().map(example).collect();
    oci::archive(&contents, &About::example()).unwrap()
}

#[test]
fn the_same_inputs_give_the_same_archive() {
    let (first, second) = (archive(&Architecture::ALL), archive(&Architecture::ALL));
    assert!(first.tar == second.tar, "two archives of the same programs differ");
    assert_eq!(first.index, second.index);
    assert_ne!(first.index, archive(&[Architecture::X86_64]).index);
}

#[test]
fn an_archive_of_both_machines_is_sound() {
    let archive = archive(&Architecture::ALL);
    let images = check::Layout::read(&archive.tar).unwrap().images().unwrap();
    let machines: Vec<_> = images.iter().map(|image| image.architecture).collect();
    assert_eq!(machines, Architecture::ALL);
    for image in images {
        assert_eq!(archive.pulled[&image.architecture], image.bytes);
    }
}

#[test]
fn one_changed_byte_is_noticed() {
    let good = archive(&[Architecture::X86_64]).tar;
    let sound = |bytes: &[u8]| check::Layout::read(bytes).and_then(|layout| layout.images());
    sound(&good).unwrap();
    let mut tried = 0;
    for block in (0..good.len()).step_by(512) {
        // Not the headers of the tar, which have checksums of their own and are not ours.
        if good[block..].starts_with(b"{") && !good[block..].starts_with(b"{\"imageLayoutVersion") {
            let mut bad = good.clone();
            let at = block + good[block..].windows(4).position(|four| four == b"sha2").unwrap_or(10);
            bad[at] ^= 1;
            assert!(sound(&bad).is_err(), "a flipped bit at {at} went unnoticed");
            tried += 1;
        }
    }
    assert!(tried >= 5, "only {tried} files were tried");
}

#[test]
fn names_and_labels_are_where_tools_look() {
    let archive = archive(&[Architecture::Aarch64]);
    let text = String::from_utf8_lossy(&archive.tar).into_owned();
    for expected in [
        r#""io.containerd.image.name":"registry.example/fleet/fleetconfig-controller:1.2.3""#,
        r#""org.opencontainers.image.ref.name":"1.2.3""#,
        r#""org.opencontainers.image.created":"2023-11-14T22:13:20Z""#,
        r#""org.opencontainers.image.revision":"0123456789abcdef""#,
        r#""User":"65532:65532""#,
        r#""variant":"v8""#,
    ] {
        assert!(text.contains(expected), "there is no {expected}");
    }
}

#[test]
fn sboms_refer_to_images_and_no_runtime_picks_them() {
    let archive = archive(&Architecture::ALL);
    let layout = check::Layout::read(&archive.tar).unwrap();
    let json = |digest: &str| -> Value {
        let path = format!("blobs/sha256/{}", digest.trim_start_matches("sha256:"));
        serde_json::from_slice(layout.file(&path).unwrap()).unwrap()
    };
    let index = json(&archive.index);
    let entries = index["manifests"].as_array().unwrap();
    assert_eq!(entries.len(), 4);
    for pair in entries.chunks(2) {
        let sbom = json(pair[1]["digest"].as_str().unwrap());
        assert_eq!(sbom["artifactType"], oci::SBOM);
        assert_eq!(sbom["subject"]["digest"], pair[0]["digest"]);
        assert_eq!(pair[1]["platform"]["architecture"], "unknown");
    }
}

#[test]
fn an_image_that_is_too_large_is_not_written() {
    let mut content = example(Architecture::X86_64);
    content.layers.push(layer::Layer {
        blob: vec![0; MOST_BYTES],
        diff_id: digest::Digest::of(b""),
        says: "too much",
    });
    let out = std::env::temp_dir().join(format!("xtask-image-{}/archive.tar", std::process::id()));
    let error = write(&[content], &About::example(), &out).unwrap_err().to_string();
    assert!(error.contains("x86_64") && error.contains("20.0 MB"), "{error}");
    assert!(!out.exists());
}

#[test]
fn a_program_must_be_static_and_list_its_crates() {
    let crates = |name| Crates::read(&format!("0{name} v0.1.0\tMIT\n"), &BTreeMap::new()).unwrap();
    let made = |program: Vec<u8>| {
        content(Architecture::X86_64, program, &crates("a"), &About::example(), "1.0")
            .err()
            .map(|error| error.to_string())
    };
    let dynamic = made(elf::tests::program(Architecture::X86_64, &[3])).unwrap();
    assert!(dynamic.contains("dynamically"), "{dynamic}");
    let silent = made(elf::tests::program(Architecture::X86_64, &[1])).unwrap();
    assert!(silent.contains("cargo auditable"), "{silent}");
}

#[test]
fn programs_are_given_by_machine() {
    let (architecture, file) = given_program("aarch64=dir/a=b").unwrap();
    assert_eq!((architecture, file), (Architecture::Aarch64, PathBuf::from("dir/a=b")));
    assert!(given_program("dir/a").is_err() && given_program("riscv64=a").is_err());
}
