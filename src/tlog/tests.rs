use std::convert::Infallible;

use proptest::prelude::*;

use super::*;

/// RFC 6962 §2.1 word by word: what everything else here is held against.
fn naive_root(leaves: &[Vec<u8>]) -> Hash {
    match leaves {
        [] => empty_root(),
        [leaf] => leaf_hash(leaf),
        _ => {
            let (left, right) = leaves.split_at(naive_split(leaves.len()));
            node_hash(&naive_root(left), &naive_root(right))
        }
    }
}

/// `PATH(m, D[n])` of §2.1.1, word by word.
fn naive_path(index: usize, leaves: &[Vec<u8>]) -> Vec<Hash> {
    if leaves.len() == 1 {
        return Vec::new();
    }
    let k = naive_split(leaves.len());
    let (left, right) = leaves.split_at(k);
    let (mut path, sibling) = if index < k {
        (naive_path(index, left), naive_root(right))
    } else {
        (naive_path(index - k, right), naive_root(left))
    };
    path.push(sibling);
    path
}

/// `SUBPROOF(m, D[n], b)` of §2.1.2, word by word.
fn naive_subproof(old: usize, leaves: &[Vec<u8>], is_known: bool) -> Vec<Hash> {
    if old == leaves.len() {
        return if is_known { Vec::new() } else { vec![naive_root(leaves)] };
    }
    let k = naive_split(leaves.len());
    let (left, right) = leaves.split_at(k);
    let (mut proof, sibling) = if old <= k {
        (naive_subproof(old, left, is_known), naive_root(right))
    } else {
        (naive_subproof(old - k, right, false), naive_root(left))
    };
    proof.push(sibling);
    proof
}

fn naive_split(size: usize) -> usize {
    let mut k = 1;
    while 2 * k < size {
        k *= 2;
    }
    k
}

/// All leaves; nodes as the definition has them.
struct Whole(Vec<Vec<u8>>);

impl Nodes for Whole {
    type Error = Infallible;

    fn node(&self, level: u32, index: u64) -> Result<Hash, Infallible> {
        let begin = (index as usize) << level;
        Ok(naive_root(&self.0[begin..begin + (1 << level)]))
    }
}

fn leaves(count: usize) -> Vec<Vec<u8>> {
    (0..count).map(|index| format!("leaf {index}").into_bytes()).collect()
}

fn frontier(leaves: &[Vec<u8>]) -> Frontier {
    let mut frontier = Frontier::new();
    leaves.iter().for_each(|leaf| frontier.append(leaf_hash(leaf)));
    frontier
}

fn hex(hash: &Hash) -> String {
    hash.0.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[test]
fn the_roots_that_certificate_transparency_publishes_are_ours() {
    let leaves = [
        &b""[..],
        b"\x00",
        b"\x10",
        b"\x20\x21",
        b"\x30\x31",
        b"\x40\x41\x42\x43",
        b"\x50\x51\x52\x53\x54\x55\x56\x57",
        b"\x60\x61\x62\x63\x64\x65\x66\x67\x68\x69\x6a\x6b\x6c\x6d\x6e\x6f",
    ];
    let roots = [
        "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
        "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
        "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
        "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
        "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
        "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
        "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
        "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
    ];
    let mut frontier = Frontier::new();
    assert_eq!(hex(&frontier.root()), "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
    for (leaf, root) in leaves.iter().zip(roots) {
        frontier.append(leaf_hash(leaf));
        assert_eq!(hex(&frontier.root()), root);
    }
}

#[test]
fn every_root_and_every_proof_of_small_trees_is_the_definitions() {
    let all = Whole(leaves(70));
    for size in 0..=70_u64 {
        let leaves = &all.0[..size as usize];
        let whole = naive_root(leaves);
        assert_eq!(frontier(leaves).root(), whole, "{size}");
        assert_eq!(root(size, &all), Ok(whole), "{size}");
        for index in 0..size {
            let proof = inclusion_proof(index, size, &all).unwrap();
            assert_eq!(proof, naive_path(index as usize, leaves), "{index} of {size}");
            assert!(verify_inclusion(&leaf_hash(&leaves[index as usize]), index, size, &proof, &whole));
        }
        for old in 1..=size {
            let proof = consistency_proof(old, size, &all).unwrap();
            assert_eq!(proof, naive_subproof(old as usize, leaves, true), "{old} of {size}");
            let old_root = naive_root(&leaves[..old as usize]);
            assert!(verify_consistency(old, &old_root, size, &whole, &proof), "{old} of {size}");
        }
        assert!(verify_consistency(0, &empty_root(), size, &whole, &[]));
    }
}

#[test]
fn a_frontier_takes_whole_subtrees() {
    let all = leaves(1000);
    let mut fast = Frontier::new();
    for subtree in all.chunks_exact(256) {
        fast.append_subtree(8, naive_root(subtree));
    }
    let mut slow = Frontier::new();
    let told: Vec<Hash> = all.iter().filter_map(|leaf| slow.append_telling(leaf_hash(leaf), 8)).collect();
    assert_eq!(told, all.chunks_exact(256).map(naive_root).collect::<Vec<_>>());
    all[768..].iter().for_each(|leaf| fast.append(leaf_hash(leaf)));
    assert_eq!((&fast, &slow), (&frontier(&all), &frontier(&all)));
}

proptest! {
    #[test]
    fn a_proof_of_something_else_is_none(size in 1..200_u64, at in any::<prop::sample::Index>(), other in 0..400_u64) {
        let all = Whole(leaves(size as usize));
        let index = at.index(size as usize) as u64;
        let whole = naive_root(&all.0);
        let proof = inclusion_proof(index, size, &all).unwrap();
        let leaf = leaf_hash(&all.0[index as usize]);
        prop_assert!(!verify_inclusion(&leaf_hash(b"another"), index, size, &proof, &whole));
        prop_assert!(other == index || !verify_inclusion(&leaf, other, size, &proof, &whole));
        prop_assert!(!verify_inclusion(&leaf, index, size, &proof, &leaf_hash(b"another root")));
        for changed in mutations(&proof) {
            prop_assert!(!verify_inclusion(&leaf, index, size, &changed, &whole));
        }
    }

    #[test]
    fn a_tree_that_was_altered_is_consistent_with_nothing(
        size in 2..200_u64,
        cut in any::<prop::sample::Index>(),
        at in any::<prop::sample::Index>(),
    ) {
        let honest = Whole(leaves(size as usize));
        let old = 1 + cut.index(size as usize - 1) as u64;
        let old_root = naive_root(&honest.0[..old as usize]);
        let mut altered = Whole(honest.0.clone());
        altered.0[at.index(old as usize)] = b"altered".to_vec();
        let (root, altered_root) = (naive_root(&honest.0), naive_root(&altered.0));
        let (proof, altered_proof) =
            (consistency_proof(old, size, &honest).unwrap(), consistency_proof(old, size, &altered).unwrap());
        prop_assert!(!verify_consistency(old, &old_root, size, &altered_root, &proof));
        prop_assert!(!verify_consistency(old, &old_root, size, &altered_root, &altered_proof));
        prop_assert!(!verify_consistency(old + 1, &old_root, size, &root, &proof));
        for changed in mutations(&proof) {
            prop_assert!(!verify_consistency(old, &old_root, size, &root, &changed));
        }
    }

    #[test]
    fn no_text_is_too_strange_for_the_parsers(text in any::<String>()) {
        let _ = (Note::parse(&text), Checkpoint::parse(&text), InclusionProof::parse(&text), text.parse::<Verifier>());
    }

    #[test]
    fn what_is_printed_is_read(size in any::<u64>(), root in any::<[u8; 32]>(), extra in any::<Option<Vec<u8>>>(), n in 0..5_usize) {
        let extensions = vec!["one more line".to_owned(); n];
        let checkpoint = Checkpoint { origin: "example.com/log".into(), size, root: Hash(root), extensions };
        prop_assert_eq!(Checkpoint::parse(&checkpoint.to_string()).unwrap(), checkpoint.clone());
        let note = signer().sign(&checkpoint.to_string()).unwrap();
        let proof = InclusionProof { extra, index: size, hashes: vec![Hash(root); n], checkpoint: note };
        prop_assert_eq!(InclusionProof::parse(&proof.to_string()).unwrap(), proof);
    }
}

/// The proof with one hash more, one less, and each of them changed.
fn mutations(proof: &[Hash]) -> Vec<Vec<Hash>> {
    let mut found = vec![[proof, &[leaf_hash(b"more")]].concat(), [&[leaf_hash(b"more")], proof].concat()];
    if let Some((_, rest)) = proof.split_last() {
        found.push(rest.to_vec());
    }
    for at in 0..proof.len() {
        let mut changed = proof.to_vec();
        changed[at].0[31] ^= 1;
        found.push(changed);
    }
    found
}

fn signer() -> Signer {
    Signer::from_seed("example.com/log", &[7; SEED_BYTES]).unwrap()
}

/// The example in the documentation of Go's `sumdb/note`, which the form comes from.
#[test]
fn a_note_that_was_published_is_read() {
    let key = "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW";
    let note = "If you think cryptography is the answer to your problem,\n\
                then you don't know what your problem is.\n\n\
                \u{2014} PeterNeumann x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKvqfqdngotpRZb6KE6RyyBwJnAM=\n";
    let verifier: Verifier = key.parse().unwrap();
    assert_eq!(verifier.to_string(), key);
    let parsed = Note::parse(note).unwrap();
    assert!(parsed.verified_text(&verifier).unwrap().ends_with("what your problem is.\n"));
    let forged = Note::parse(&note.replace("answer", "key")).unwrap();
    assert_eq!(forged.verified_text(&verifier), Err(NoteError::Forged(key.into())));
}

#[test]
fn a_note_says_who_signed_it() {
    let signer = signer();
    let note = signer.sign("example.com/log\n0\nabc=\n").unwrap();
    let parsed = Note::parse(&note).unwrap();
    assert_eq!(parsed.verified_text(signer.verifier()), Ok("example.com/log\n0\nabc=\n"));
    let vkey = signer.verifier().to_string();
    assert_eq!(vkey.parse::<Verifier>().unwrap(), *signer.verifier());
    let other = Signer::from_seed("example.com/log", &[8; SEED_BYTES]).unwrap();
    assert!(matches!(parsed.verified_text(other.verifier()), Err(NoteError::OtherKey(_))));
    let renamed = signer.verifier().named("example.com/other").unwrap();
    assert!(matches!(parsed.verified_text(&renamed), Err(NoteError::OtherKey(_))));
    let witnessed = format!("{note}\u{2014} witness.example AAAAAAAA\n");
    assert!(Note::parse(&witnessed).unwrap().verified_text(signer.verifier()).is_ok(), "a stranger says nothing");
    assert!(!format!("{signer:?}").contains("0707"), "{signer:?}");
}

#[test]
fn what_has_not_the_form_is_refused_in_words() {
    let note = signer().sign("text\n").unwrap();
    let reason = |note: &str| Note::parse(note).unwrap_err().to_string();
    assert_eq!(reason(""), "this is no signed note: it has no empty line before its signatures");
    assert_eq!(reason(&note[..note.len() - 1]), "this is no signed note: its last line has no end");
    assert_eq!(reason(&note.replace('\u{2014}', "-")), "this is no signed note: a line of its signatures is none");
    assert_eq!(reason("te\txt\n\n\u{2014} a AAAAAAAA\n"), "this is no signed note: its text has control characters");
    assert!(signer().sign("no end").is_err());
    for name in ["", "a b", "a+b", "a\u{2003}b"] {
        assert_eq!(Signer::from_seed(name, &[1; SEED_BYTES]).unwrap_err(), NoteError::BadName(name.into()));
    }
    for key in ["", "a+b", "a+00000000+AQ==", "PeterNeumann+c74f20a4+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW"] {
        assert_eq!(key.parse::<Verifier>(), Err(NoteError::NotAVerifier), "{key}");
    }
    let root = empty_root();
    for text in [
        "".to_owned(),
        "log\n".to_owned(),
        format!("log\n01\n{root}\n"),
        format!("log\n+1\n{root}\n"),
        format!("log\n\n{root}\n"),
        "log\n1\nabc=\n".to_owned(),
        format!("log\n1\n{root}"),
        format!("log\n1\n{root}\n\n"),
        format!("\n1\n{root}\n"),
    ] {
        assert!(Checkpoint::parse(&text).is_err(), "{text:?}");
    }
}
