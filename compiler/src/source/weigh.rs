//! How much it takes to read an object of a repository: what has to be made in memory on the way to it, too, which its own size
//! does not say. Whoever may push chooses both.

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::io::ErrorKind;
use std::os::unix::fs::FileExt as _;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, OnceLock, PoisonError};

use assent_schema::packed::{HEAD_BYTES, Index, Load, Loads, Name, Pack, is_bearable};
use git2::{Odb, Oid, Repository};

use super::limits::TREE_FILE_MOST_BYTES;

/// What may have to be made besides what is read, whatever its size, in bytes: some seconds of work.
const REST_MOST_BYTES: u64 = 1 << 30;
/// How many folders are known by heart.
const FOLDERS_KEPT_MOST: usize = 4_096;
/// How far repositories may borrow objects of one another.
const BORROWED_MOST: usize = 5;

/// The size of what takes far more to read than itself: above every limit.
pub(super) const HEAVY: usize = usize::MAX;

/// Weighs the objects of one repository. Packs are looked at once something is.
pub struct Scales {
    objects: PathBuf,
    packs: OnceLock<Result<Vec<Laid>, String>>,
    weighed: Mutex<Weighed>,
}

/// All that was read, and what had to be made for it.
#[derive(Default)]
struct Weighed {
    size: u64,
    load: u64,
    /// Some folders whose lists of names are not too large: a few may stand within one another half a million times.
    folders: BTreeSet<Oid>,
}

/// A pack as it lies on disk.
struct Laid {
    path: PathBuf,
    file: OnceLock<File>,
    loads: Mutex<Loads>,
}

impl Scales {
    /// The scales of a repository.
    pub fn of(repository: &Repository) -> Self {
        let objects = repository.commondir().join("objects");
        Self { objects, packs: OnceLock::new(), weighed: Mutex::default() }
    }

    /// How large an object is that is about to be read; [`HEAVY`] where it is stored as a change of what is larger than any file that
    /// is read, or where too much was made for too little already.
    ///
    /// # Errors
    /// When the object is not there, or a pack cannot be looked at.
    pub fn size(&self, odb: &Odb<'_>, id: Oid) -> Result<usize, git2::Error> {
        let (size, _) = odb.read_header(id)?;
        let packs = self.packs.get_or_init(|| {
            let mut packs = Vec::new();
            look(&self.objects, BORROWED_MOST, &mut packs).map(|()| packs)
        });
        let packs = packs.as_ref().map_err(|why| git2::Error::from_str(why))?;
        let Some(load) = weigh(packs, odb, id) else { return Ok(HEAVY) };
        if load.largest > TREE_FILE_MOST_BYTES as u64 {
            return Ok(HEAVY);
        }
        let mut weighed = self.weighed.lock().unwrap_or_else(PoisonError::into_inner);
        weighed.size = weighed.size.saturating_add(size as u64);
        weighed.load = weighed.load.saturating_add(load.all);
        Ok(if is_bearable(weighed.load, weighed.size, REST_MOST_BYTES) { size } else { HEAVY })
    }

    /// Whether the list of names of a folder may be read.
    ///
    /// # Errors
    /// As [`Scales::size`].
    pub(super) fn takes_folder(&self, repository: &Repository, id: Oid) -> Result<bool, git2::Error> {
        let weighed = || self.weighed.lock().unwrap_or_else(PoisonError::into_inner);
        if weighed().folders.contains(&id) {
            return Ok(true);
        }
        let takes = self.size(&repository.odb()?, id)? <= TREE_FILE_MOST_BYTES;
        let mut weighed = weighed();
        if takes && weighed.folders.len() < FOLDERS_KEPT_MOST {
            weighed.folders.insert(id);
        }
        Ok(takes)
    }
}

/// What has to be made for an object; the worst, where several packs hold it. Nothing where that cannot be told.
fn weigh(packs: &[Laid], odb: &Odb<'_>, id: Oid) -> Option<Load> {
    let name: &Name = id.as_bytes().first_chunk()?;
    let mut worst = Load::default();
    for pack in packs {
        let mut loads = pack.loads.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(number) = loads.index().find(name) else { continue };
        let file = if let Some(file) = pack.file.get() {
            file
        } else {
            let opened = File::open(&pack.path).ok()?;
            pack.file.get_or_init(|| opened)
        };
        let load = loads.of(number, &OnDisk { file, odb })?;
        if load.all > worst.all || load.largest > worst.largest {
            worst = load;
        }
    }
    Some(worst)
}

/// The packs of a folder of objects, and of those that it borrows from.
fn look(objects: &Path, borrowed: usize, packs: &mut Vec<Laid>) -> Result<(), String> {
    let during = |path: &Path, error| format!("{} cannot be read: {error}", path.display());
    let folder = objects.join("pack");
    let listed = match fs::read_dir(&folder) {
        Ok(listed) => listed.collect::<Result<Vec<_>, _>>().map_err(|error| during(&folder, error))?,
        Err(error) if error.kind() == ErrorKind::NotFound => Vec::new(),
        Err(error) => return Err(during(&folder, error)),
    };
    for path in listed.into_iter().map(|entry| entry.path()) {
        if path.extension().is_none_or(|extension| extension != "idx") {
            continue;
        }
        let bytes = match fs::read(&path) {
            Ok(bytes) => bytes,
            // Somebody packs anew meanwhile.
            Err(error) if error.kind() == ErrorKind::NotFound => continue,
            Err(error) => return Err(during(&path, error)),
        };
        let index = Index::parse(bytes)
            .ok_or_else(|| format!("{} is no index that git writes today: run `git repack -a -d`", path.display()))?;
        let loads = Mutex::new(Loads::new(index));
        packs.push(Laid { path: path.with_extension("pack"), file: OnceLock::new(), loads });
    }
    let others = fs::read_to_string(objects.join("info/alternates")).unwrap_or_default();
    for other in others.lines().filter(|line| !line.is_empty() && !line.starts_with('#')) {
        if let Some(left) = borrowed.checked_sub(1) {
            look(&objects.join(other), left, packs)?;
        }
    }
    Ok(())
}

/// A pack whose objects' sizes libgit2 tells.
struct OnDisk<'o> {
    file: &'o File,
    odb: &'o Odb<'o>,
}

impl Pack for OnDisk<'_> {
    fn head(&self, place: u64) -> Option<Vec<u8>> {
        let mut head = vec![0; HEAD_BYTES];
        let read = self.file.read_at(&mut head, place).ok()?;
        head.truncate(read);
        Some(head)
    }

    fn size(&self, name: &Name) -> Option<u64> {
        let (size, _) = self.odb.read_header(Oid::from_bytes(name).ok()?).ok()?;
        u64::try_from(size).ok()
    }
}
