//! A folder with a tiny model, of which a target writes one file anew for every input.

use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};

use lpzero_arch::{Architecture, Reading, read_architecture};
use lpzero_nn::{
    Adapted, Batch, Error, Layout, Network, Objective, Source, Stored, Workspace,
};
use tempfile::TempDir;

const FIXTURES: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../crates/nn/tests/fixtures");

/// A copy of a fixture, made when the target starts.
pub struct Model {
    folder: TempDir,
    architecture: Architecture,
}

impl Model {
    /// The files of some folders of fixtures.
    pub fn of(cell: &'static OnceLock<Model>, folders: &[&str]) -> &'static Model {
        cell.get_or_init(|| {
            let folder = tempfile::tempdir().expect("a temporary folder");
            for name in folders {
                let entries = Path::new(FIXTURES).join(name).read_dir();
                for entry in entries.expect("a fixture").flatten() {
                    let to = folder.path().join(entry.file_name());
                    if entry.path().is_file() {
                        std::fs::copy(entry.path(), to).expect("a copy");
                    }
                }
            }
            let architecture = read_architecture(folder.path(), Reading::AsTrained);
            let architecture = architecture.expect("the architecture of the fixture");
            Model {
                folder,
                architecture,
            }
        })
    }

    pub fn write(&self, file: &str, bytes: &[u8]) {
        std::fs::write(self.path().join(file), bytes).expect("a file");
    }

    fn path(&self) -> PathBuf {
        self.folder.path().to_owned()
    }

    /// The weights, read and used, where they are what the model needs.
    pub fn run(&self) -> Result<f64, Error> {
        match Stored::open_folder(&self.path())? {
            None => Ok(0.0),
            Some(stored) => self.evaluate(Arc::new(stored)),
        }
    }

    /// The same with the adapter in the folder.
    pub fn run_adapted(&self) -> Result<f64, Error> {
        let Some(stored) = Stored::open_folder(&self.path())? else {
            return Ok(0.0);
        };
        let layout = Layout::of_folder(&self.path())?;
        let adapted = Adapted::open(Arc::new(stored), layout, &self.architecture, &self.path())?;
        self.evaluate(Arc::new(adapted))
    }

    fn evaluate(&self, source: Arc<dyn Source<f32>>) -> Result<f64, Error> {
        let network = Network::streamed(&self.architecture, Objective::NextToken, source)?;
        let batch = Batch::zipf(self.architecture.vocabulary, 1, 2, 0);
        network.evaluate_with(&batch, &mut Workspace::new())
    }
}
