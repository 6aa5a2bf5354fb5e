//! How the shipped models are made: whom they see, for how long, at what rates.

use clap::ValueEnum;

/// The domain of all clothes, places and cameras together, which pre-training sees.
pub const SEEN: &str = "anywhere";
/// The domains that DCAC trains on and the card reports. The people of the one are not those of
/// the other; kinds of clothes, places and cameras are the same.
pub const DOMAINS: [&str; 5] = ["plaza", "campus", "mall", "night", "park"];
/// The domain whose gallery the site shows at first.
pub const SHOWN: &str = "park";

/// Whom DCAC is trained on, of each domain: the half of them that trains.
pub const PEOPLE: [&str; 6] = ["--ids", "1200", "--images-per-id", "6", "--seed", "21"];
/// Who tells what scores mean, of [`SEEN`].
pub const MEANING: [&str; 6] = ["--ids", "600", "--images-per-id", "8", "--seed", "12"];

/// Options of `train`. The tower has learned and moves slowly; the classifier, whose
/// probabilities are the guidance, begins from nothing.
pub const DCAC: &str = "--set diffusion.fine_tune=lora --set optim.base_lr=1e-3 \
                    --set optim.encoder_lr_factor=0.03 --set optim.epochs=3 \
                    --set optim.warmup_epochs=1 --set optim.milestones=[2]";

/// The configuration's size.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Size {
    /// 0.8 million parameters, for two CPU cores
    Tiny,
    /// 3.1 million parameters, for a GPU
    Small,
}

/// Options of the trainer's long commands, as one types them, and about how long they take.
pub struct Recipe {
    /// Of all three, in `trainer/configs/`.
    pub config: &'static str,
    /// `pretrain vision`.
    pub vision: &'static str,
    /// `pretrain diffusion`.
    pub diffusion: &'static str,
    /// Times of the two and of `train`.
    pub times: [&'static str; 3],
}

impl Size {
    /// The name by which configurations and model folders are called.
    pub fn name(self) -> &'static str {
        match self {
            Self::Tiny => "tiny",
            Self::Small => "small",
        }
    }

    /// How a model of this size is made.
    pub fn recipe(self) -> Recipe {
        match self {
            Self::Tiny => Recipe {
                config: "tiny-stem-dcac.toml",
                vision: "--steps 5000 --batch 96 --rate 2e-3 --uses 3",
                diffusion: "--vae-steps 400 --steps 4000 --batch 32",
                times: [
                    "35 min on two cores",
                    "8 min on two cores",
                    "4 min on two cores",
                ],
            },
            // Not yet run to its end anywhere: the times of the long steps are not known. Pictures
            // are drawn faster than on two cores, so each is used once.
            Self::Small => Recipe {
                config: "small-stem-dcac.toml",
                vision: "--steps 12000 --batch 192 --rate 2e-3",
                diffusion: "--vae-steps 2000 --steps 8000 --batch 64",
                times: ["unknown", "unknown", "unknown"],
            },
        }
    }
}
