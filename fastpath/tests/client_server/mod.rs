//! A server in this process whose every connection a test scripts, and calls to it that are waited for.
#![allow(dead_code, reason = "each test file uses some of it")]

use std::future::Future;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc;
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use bytes::{BufMut, Bytes, BytesMut};
use fastpath::client::outbox::Waiter;
use fastpath::client::{Channel, Failure, Outbox, Request, Settings, Target};
use fastpath::grpc::ending;
use h2::RecvStream;
use h2::server::{Connection, SendResponse};
use http::Response;
use http::header::{CONTENT_TYPE, HeaderMap, HeaderValue};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::oneshot;

pub const METHOD: &str = "/penstock.v1.Prediction/Predict";
/// Longer than anything takes; a test that waits for it has failed.
pub const PATIENCE: Duration = Duration::from_secs(30);

type Script = Arc<dyn Fn(usize, TcpStream) -> Pin<Box<dyn Future<Output = ()> + Send>> + Send + Sync>;

/// Runs `script` for each connection, which are counted from 0.
pub struct Server {
    pub address: SocketAddr,
    connections: Arc<AtomicUsize>,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Server {
    pub fn start<F, R>(script: F) -> Self
    where
        F: Fn(usize, TcpStream) -> R + Send + Sync + 'static,
        R: Future<Output = ()> + Send + 'static,
    {
        Self::start_at("127.0.0.1:0".parse().unwrap(), script)
    }

    pub fn start_at<F, R>(address: SocketAddr, script: F) -> Self
    where
        F: Fn(usize, TcpStream) -> R + Send + Sync + 'static,
        R: Future<Output = ()> + Send + 'static,
    {
        let script: Script = Arc::new(move |number, socket| Box::pin(script(number, socket)));
        let connections = Arc::<AtomicUsize>::default();
        let (stop, stopped) = oneshot::channel();
        let (told, ready) = mpsc::channel();
        let counted = Arc::clone(&connections);
        let thread = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
            runtime.block_on(async move {
                let listener = TcpListener::bind(address).await.unwrap();
                told.send(listener.local_addr().unwrap()).unwrap();
                let accept = async {
                    loop {
                        let (socket, _) = listener.accept().await.unwrap();
                        let number = counted.fetch_add(1, Ordering::SeqCst);
                        tokio::spawn(script(number, socket));
                    }
                };
                tokio::select! { () = accept => {}, _ = stopped => {} }
            });
        });
        let address = ready.recv_timeout(PATIENCE).unwrap();
        Self { address, connections, stop: Some(stop), thread: Some(thread) }
    }

    /// One whose calls are all answered by `answer`, on every connection.
    pub fn answering<F, R>(answer: F) -> Self
    where
        F: Fn(http::Request<RecvStream>, SendResponse<Bytes>) -> R + Send + Sync + 'static,
        R: Future<Output = ()> + Send + 'static,
    {
        let answer = Arc::new(answer);
        Self::start(move |_, socket| serve(socket, h2::server::Builder::new(), Arc::clone(&answer)))
    }

    /// Connections so far.
    pub fn connections(&self) -> usize {
        self.connections.load(Ordering::SeqCst)
    }

    pub fn channel(&self) -> Channel {
        Channel::new(self.settings()).unwrap()
    }

    pub fn settings(&self) -> Settings {
        Settings::new(Target::parse(&self.address.to_string()).unwrap())
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        drop(self.stop.take());
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

/// Serves one connection, each call in a task of its own.
pub async fn serve<F, R>(socket: TcpStream, builder: h2::server::Builder, answer: Arc<F>)
where
    F: Fn(http::Request<RecvStream>, SendResponse<Bytes>) -> R + Send + Sync + 'static,
    R: Future<Output = ()> + Send + 'static,
{
    let Ok(mut connection): Result<Connection<TcpStream, Bytes>, _> = builder.handshake(socket).await else {
        return;
    };
    while let Some(Ok((request, respond))) = connection.accept().await {
        tokio::spawn(answer(request, respond));
    }
}

/// All bytes of a request's body.
pub async fn body(request: &mut http::Request<RecvStream>) -> Bytes {
    let mut whole = BytesMut::new();
    while let Some(Ok(piece)) = request.body_mut().data().await {
        let _ = request.body_mut().flow_control().release_capacity(piece.len());
        whole.extend_from_slice(&piece);
    }
    whole.freeze()
}

pub fn framed(message: &[u8]) -> Bytes {
    let mut framed = BytesMut::new();
    framed.put_u8(0);
    framed.put_u32(u32::try_from(message.len()).unwrap());
    framed.put_slice(message);
    framed.freeze()
}

pub fn head() -> Response<()> {
    let mut head = Response::new(());
    head.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/grpc"));
    head
}

/// The whole answer at once.
pub fn reply(
    respond: &mut SendResponse<Bytes>,
    head: Response<()>,
    data: Bytes,
    trailers: Option<HeaderMap>,
) {
    let Ok(mut stream) = respond.send_response(head, false) else { return };
    let _ = stream.send_data(data, trailers.is_none());
    if let Some(trailers) = trailers {
        let _ = stream.send_trailers(trailers);
    }
}

/// What a good server does: gives the message back.
pub async fn echo(mut request: http::Request<RecvStream>, mut respond: SendResponse<Bytes>) {
    let data = body(&mut request).await;
    reply(&mut respond, head(), data, Some(ending::ok()));
}

/// Calls of a test, and their answers.
pub struct Caller<'a> {
    channel: &'a Channel,
    waiter: Arc<Waiter>,
}

impl<'a> Caller<'a> {
    pub fn new(channel: &'a Channel) -> Self {
        Self { channel, waiter: Arc::default() }
    }

    /// Hands in calls of these messages together; gives their ids.
    pub fn submit(&self, messages: &[&[u8]], timeout: Duration) -> Vec<u64> {
        let outbox = Arc::clone(&self.waiter) as Arc<dyn Outbox>;
        let calls = messages.iter().zip(0..).map(|(message, token)| {
            let method = self.channel.method(METHOD).unwrap();
            self.channel.prepare(Request { method, message, timeout, token }, &outbox).unwrap()
        });
        let calls: Vec<_> = calls.collect();
        let ids = calls.iter().map(fastpath::client::Prepared::id).collect();
        self.channel.submit(calls);
        ids
    }

    /// The next answers, by token, until there are `count`.
    pub fn answers(&self, count: usize) -> Vec<(u64, Result<Bytes, Failure>)> {
        let latest = Instant::now() + PATIENCE;
        let mut answers = Vec::new();
        while answers.len() < count {
            let replies = self.waiter.wait(latest);
            assert!(!replies.is_empty(), "{} of {count} answers came", answers.len());
            answers.extend(
                replies.into_iter().map(|reply| (reply.token, reply.result.map_err(|failure| *failure))),
            );
        }
        answers
    }
}

/// One call, waited for.
pub fn call(channel: &Channel, message: &[u8]) -> Result<Bytes, Failure> {
    call_within(channel, message, PATIENCE)
}

pub fn call_within(channel: &Channel, message: &[u8], timeout: Duration) -> Result<Bytes, Failure> {
    let caller = Caller::new(channel);
    caller.submit(&[message], timeout);
    caller.answers(1).remove(0).1
}
