use super::super::group::PeerLost;
use super::super::link::{Facts, Link};
use super::super::numbers::{from_bytes, to_bytes};
use super::*;

fn hello(node: usize, configuration: &str) -> Hello {
    let facts = [("configuration".to_string(), configuration.to_string())];
    Hello {
        node,
        nodes: 2,
        facts: Facts::from(facts),
    }
}

/// A coordinator of two nodes and how it ends.
fn start() -> Result<(String, thread::JoinHandle<Result<()>>)> {
    let listener = TcpListener::bind("127.0.0.1:0")?;
    let address = listener.local_addr()?.to_string();
    Ok((address, thread::spawn(move || serve(listener, 2))))
}

#[test]
fn nodes_exchange_and_finish() -> Result<()> {
    let (address, coordinator) = start()?;
    let nodes: Vec<_> = (0..2)
        .map(|node| {
            let address = address.clone();
            thread::spawn(move || -> Result<Vec<f32>> {
                let link = Link::join(&address, &hello(node, "a"))?;
                let own = vec![1.0 + node as f32; 100_000];
                let sum = from_bytes(&link.exchange(Combine::Sum, to_bytes(&own))?);
                assert_eq!(sum, vec![3.0; 100_000]);
                let joined = link.exchange(Combine::Join, to_bytes(&own[..1]))?;
                link.finish();
                Ok(from_bytes(&joined))
            })
        })
        .collect();
    for node in nodes {
        assert_eq!(node.join().expect("no panic")?, [1.0, 2.0]);
    }
    coordinator.join().expect("no panic")
}

#[test]
fn nodes_that_differ_are_refused_by_name() -> Result<()> {
    let listener = TcpListener::bind("127.0.0.1:0")?;
    let stream = TcpStream::connect(listener.local_addr()?)?;
    let (sender, events) = channel();
    let mut table = Table {
        seats: vec![None, None],
        events,
        sender,
    };
    assert_eq!(table.seat(stream, hello(0, "a")), Ok(()));
    let refused = |hello: &Hello| table.admit(hello).err().unwrap_or_default();
    let said = refused(&hello(1, "b"));
    assert!(
        said.contains("its configuration is b, that of node 0 is a"),
        "{said}"
    );
    assert!(refused(&hello(0, "a")).contains("is node 0 already"));
    assert!(refused(&hello(2, "a")).contains("from 0 to 1"));
    let three = Hello {
        nodes: 3,
        ..hello(1, "a")
    };
    assert!(refused(&three).contains("--nodes 3"));
    assert_eq!(table.admit(&hello(1, "a")), Ok(()));
    Ok(())
}

#[test]
fn a_node_that_is_lost_ends_the_others() -> Result<()> {
    let (address, coordinator) = start()?;
    let stays = {
        let address = address.clone();
        thread::spawn(move || -> Result<_> {
            let link = Link::join(&address, &hello(0, "a"))?;
            Ok(link.exchange(Combine::Sum, to_bytes(&[1.0])))
        })
    };
    drop(Link::join(&address, &hello(1, "a"))?);
    let Err(PeerLost(said)) = stays.join().expect("no panic")? else {
        bail!("an exchange without a partner");
    };
    assert!(
        said.contains("node 1 (127.0.0.1:") && said.contains("is lost"),
        "{said}"
    );
    let ended = coordinator.join().expect("no panic");
    assert_eq!(ended.err().map(|error| error.to_string()), Some(said));
    Ok(())
}
