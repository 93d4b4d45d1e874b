# The image for those who build with Docker, buildah or kaniko. Releases are made by
# `cargo xtask image`, whose result is the same bit for bit wherever it is made; this one's is not,
# because the packages of the first stage move. docs/image.md compares the two.
#
#   docker build -t fleetconfig-controller .
#   docker buildx build --platform linux/amd64,linux/arm64 -t REGISTRY/fleetconfig-controller:TAG --push .

# Alpine's Rust builds static programs. The version is that of rust-toolchain.toml.
FROM docker.io/library/rust:1.95.0-alpine3.22 AS build
# Compilers and their tools for the C code of aws-lc and jemalloc.
RUN apk add --no-cache build-base cmake linux-headers
# The toolchain of the image, without the lints that rust-toolchain.toml would fetch.
ENV RUSTUP_TOOLCHAIN=1.95.0
RUN cargo install --locked cargo-auditable@0.7.7
WORKDIR /fleetconfig
COPY . .
RUN --mount=type=cache,target=/usr/local/cargo/registry \
    --mount=type=cache,target=/fleetconfig/target \
    cargo auditable build --release --locked -p fleetconfig-controller \
    && install -D target/release/fleetconfig-controller /out/fleetconfig-controller

# Certificate authorities, a user database, and no shell.
FROM gcr.io/distroless/static-debian12:nonroot
COPY --from=build /out/fleetconfig-controller /fleetconfig-controller
# A number, because Kubernetes cannot tell whether a name is root.
USER 65532:65532
ENTRYPOINT ["/fleetconfig-controller"]
