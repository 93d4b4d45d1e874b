//! `https://kubernetes.default.svc` for pods.
//!
//! In a real cluster a kube-proxy leads the address of that service, port 443,
//! to the API server. Here the kubelet listens on the bridge, port 443, and
//! passes connections on; the pods' `/etc/hosts` knows the names.

use std::net::Ipv4Addr;

use anyhow::{Context, Result};
use tokio::io::copy_bidirectional;
use tokio::net::{TcpListener, TcpStream};

/// The port of the service `kubernetes`.
const PORT: u16 = 443;

/// The names of the service, as pods of any namespace may use them.
pub(crate) const NAMES: &str =
    "kubernetes.default.svc kubernetes.default.svc.cluster.local kubernetes.default kubernetes";

/// Passes connections to the bridge's port 443 on to `server` (host and port),
/// until the runtime ends.
///
/// # Errors
/// The port is taken, or may not be used.
pub(crate) async fn serve(bridge: Ipv4Addr, server: (String, u16)) -> Result<()> {
    if server.0.parse() == Ok(bridge) && server.1 == PORT {
        // The API server is there itself.
        return Ok(());
    }
    let listener =
        TcpListener::bind((bridge, PORT)).await.with_context(|| format!("listening on {bridge}:{PORT}"))?;
    tokio::spawn(async move {
        loop {
            match listener.accept().await {
                Ok((client, _)) => drop(tokio::spawn(pass_on(client, server.clone()))),
                Err(error) => tracing::warn!(%error, "accepting a connection to service kubernetes"),
            }
        }
    });
    Ok(())
}

async fn pass_on(mut client: TcpStream, server: (String, u16)) {
    let connection = TcpStream::connect((server.0.as_str(), server.1)).await;
    // An error ends the connection, which is all its client can be told.
    let result = match connection {
        Ok(mut server) => copy_bidirectional(&mut client, &mut server).await.map(drop),
        Err(error) => Err(error),
    };
    if let Err(error) = result {
        tracing::debug!(%error, "a connection to service kubernetes");
    }
}
