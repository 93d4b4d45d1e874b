//! A line to an API server that can be cut.

use std::net::SocketAddr;

use anyhow::{Context, Result};
use tokio::io::copy_bidirectional;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinHandle;

/// Passes bytes on between whoever connects and a server, unless it is cut.
pub(crate) struct Relay {
    address: SocketAddr,
    whole: watch::Sender<bool>,
    task: JoinHandle<()>,
}

impl Relay {
    /// A line to `server`, an `https` URL with a port.
    pub(crate) async fn to(server: &str) -> Result<Self> {
        let target =
            server.strip_prefix("https://").context("an https URL")?.trim_end_matches('/').to_owned();
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let address = listener.local_addr()?;
        let (whole, state) = watch::channel(true);
        let task = tokio::spawn(async move {
            while let Ok((mut near, _)) = listener.accept().await {
                let (target, mut state) = (target.clone(), state.clone());
                tokio::spawn(async move {
                    let passing = async {
                        let mut far = TcpStream::connect(&target).await?;
                        copy_bidirectional(&mut near, &mut far).await
                    };
                    // What comes over a cut line is swallowed, as by a network that is down: whoever
                    // sent it waits.
                    let cut = tokio::select! {
                        _ = passing => false,
                        _ = state.wait_for(|whole| !whole) => true,
                    };
                    if cut {
                        let _ = state.wait_for(|whole| *whole).await;
                    }
                });
            }
        });
        Ok(Self { address, whole, task })
    }

    /// What to call the server by.
    pub(crate) fn server(&self) -> String {
        format!("https://{}", self.address)
    }

    /// From now on nothing passes.
    pub(crate) fn cut(&self) {
        self.whole.send_replace(false);
    }

    /// New connections pass again; those that were cut are closed.
    pub(crate) fn mend(&self) {
        self.whole.send_replace(true);
    }
}

impl Drop for Relay {
    fn drop(&mut self) {
        self.task.abort();
    }
}
