//! A connection's bytes, and what they say of whether somebody uses it.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, ready};

use rustix::net::{RecvFlags, recv};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;

/// What is seen of one connection. Whoever drives it reads this in the same task.
#[derive(Debug, Default)]
pub(super) struct Signs {
    has_come: AtomicBool,
    has_left: AtomicBool,
    is_watched: AtomicBool,
}

impl Signs {
    /// Whether something has come since this was asked.
    pub(super) fn has_come(&self) -> bool {
        take(&self.has_come)
    }

    /// Whether the peer has taken something, since this was asked, for which there had been no room.
    pub(super) fn has_left(&self) -> bool {
        take(&self.has_left)
    }

    /// While it is watched, whoever reads sees at once what has come into the system's buffer. Otherwise they see it when the
    /// runtime is told, which takes a while where it has much to do.
    pub(super) fn watch(&self, is_watched: bool) {
        self.is_watched.store(is_watched, Ordering::Relaxed);
    }

    fn is_watched(&self) -> bool {
        self.is_watched.load(Ordering::Relaxed)
    }
}

/// Read first, since nearly always there is nothing to take.
fn take(sign: &AtomicBool) -> bool {
    sign.load(Ordering::Relaxed) && sign.swap(false, Ordering::Relaxed)
}

/// The stream of one connection.
pub(super) struct Observed {
    stream: TcpStream,
    signs: Arc<Signs>,
    /// There was no room for what was to be sent.
    is_full: bool,
}

impl Observed {
    pub(super) fn new(stream: TcpStream, signs: Arc<Signs>) -> Self {
        Self { stream, signs, is_full: false }
    }

    /// What comes first, without taking it away; `None` where the peer leaves without a word.
    pub(super) async fn first(&self) -> io::Result<Option<u8>> {
        let mut first = [0];
        let length = std::future::poll_fn(|context| {
            let mut buffer = ReadBuf::new(&mut first);
            let peeked = self.stream.poll_peek(context, &mut buffer);
            if peeked.is_pending() && self.signs.is_watched() { self.look(&mut first, RecvFlags::PEEK) } else { peeked }
        });
        let length = length.await?;
        Ok((length > 0).then_some(first[0]))
    }

    /// What the system has of it, without waiting to be told by the runtime.
    fn look(&self, buffer: &mut [u8], flags: RecvFlags) -> Poll<io::Result<usize>> {
        match recv(&self.stream, buffer, flags | RecvFlags::DONTWAIT) {
            Ok((length, _)) => Poll::Ready(Ok(length)),
            Err(rustix::io::Errno::AGAIN | rustix::io::Errno::INTR) => Poll::Pending,
            Err(error) => Poll::Ready(Err(error.into())),
        }
    }

    fn wrote(&mut self, written: Poll<io::Result<usize>>) -> Poll<io::Result<usize>> {
        let was_full = std::mem::replace(&mut self.is_full, written.is_pending());
        if was_full && written.is_ready() {
            self.signs.has_left.store(true, Ordering::Relaxed);
        }
        written
    }
}

impl AsyncRead for Observed {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        match Pin::new(&mut self.stream).poll_read(context, buffer) {
            Poll::Ready(read) => read?,
            Poll::Pending if !self.signs.is_watched() => return Poll::Pending,
            // Only now, since the whole buffer is written to before somebody may look into it.
            Poll::Pending => {
                let length = ready!(self.look(buffer.initialize_unfilled(), RecvFlags::empty()))?;
                buffer.advance(length);
            }
        }
        if buffer.filled().len() > before {
            self.signs.has_come.store(true, Ordering::Relaxed);
        }
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Observed {
    fn poll_write(mut self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write(context, bytes);
        self.wrote(written)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write_vectored(context, bytes);
        self.wrote(written)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::TcpListener;

    use super::*;

    async fn connected() -> (std::net::TcpStream, Observed, Arc<Signs>) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let peer = std::net::TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        let (stream, signs) = (listener.accept().await.unwrap().0, Arc::new(Signs::default()));
        (peer, Observed::new(stream, signs.clone()), signs)
    }

    /// Reads once, and lets the runtime hear of nothing meanwhile.
    fn read_at_once(observed: &mut Observed) -> Poll<usize> {
        let mut bytes = [0; 16];
        let mut buffer = ReadBuf::new(&mut bytes);
        let read = Pin::new(observed).poll_read(&mut Context::from_waker(std::task::Waker::noop()), &mut buffer);
        read.map(|read| read.map(|()| buffer.filled().len()).unwrap())
    }

    #[tokio::test]
    async fn who_finds_nothing_has_written_nothing_either() {
        let (_peer, mut observed, _signs) = connected().await;
        let mut room = [std::mem::MaybeUninit::uninit(); 8192];
        let mut buffer = ReadBuf::uninit(&mut room);
        let read = Pin::new(&mut observed).poll_read(&mut Context::from_waker(std::task::Waker::noop()), &mut buffer);
        assert!(read.is_pending());
        assert_eq!(buffer.initialized().len(), 0);
    }

    #[tokio::test]
    async fn what_the_runtime_has_not_heard_of_yet_is_seen_where_it_is_watched() {
        use std::io::Write;
        let (mut peer, mut observed, signs) = connected().await;
        assert_eq!(read_at_once(&mut observed), Poll::Pending);
        peer.write_all(b"GET").unwrap();
        assert_eq!(read_at_once(&mut observed), Poll::Pending, "else this shows nothing");
        signs.watch(true);
        assert_eq!(read_at_once(&mut observed), Poll::Ready(3));
        assert!(signs.has_come() && !signs.has_come());
        assert_eq!(read_at_once(&mut observed), Poll::Pending);
        assert!(!signs.has_come());
        peer.write_all(b"!").unwrap();
        assert_eq!(observed.first().await.unwrap(), Some(b'!'));
        assert_eq!(observed.read_u8().await.unwrap(), b'!', "it was not taken away");
        drop(peer);
        assert_eq!(observed.first().await.unwrap(), None);
    }

    #[tokio::test]
    async fn who_takes_what_there_was_no_room_for_is_seen() {
        use std::io::Read;
        let (mut peer, mut observed, signs) = connected().await;
        let mut sent = 0;
        let mut context = Context::from_waker(std::task::Waker::noop());
        while let Poll::Ready(written) = Pin::new(&mut observed).poll_write(&mut context, &[0; 1 << 16]) {
            sent += written.unwrap();
        }
        assert!(!signs.has_left(), "nobody reads");
        peer.read_exact(&mut vec![0; sent]).unwrap();
        observed.write_all(b"more").await.unwrap();
        assert!(signs.has_left() && !signs.has_left());
    }
}
