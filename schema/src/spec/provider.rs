//! `catalog/providers/<name>.toml`: an AI model endpoint and the agreement that governs it.

use std::collections::BTreeMap;

use super::{Endpoint, Spanned};
use crate::class::Class;
use crate::client::{Auth, ProviderDialect};
use crate::id::{Environment, ProviderId};
use crate::time::Moment;

/// An AI model endpoint.
#[derive(Clone, Debug)]
pub struct Provider {
    /// Its name; the name of its file.
    pub name: Spanned<ProviderId>,
    /// How it is spoken to.
    pub dialect: Spanned<ProviderDialect>,
    /// The model that is asked.
    pub model: Spanned<String>,
    /// How requests are authorised.
    pub auth: Spanned<Auth>,
    /// Where it is, by environment.
    pub endpoint: BTreeMap<Spanned<Environment>, Endpoint>,
    /// What was agreed; `provider-agreement` where it is absent.
    pub agreement: Option<Agreement>,
    /// The most private class that it may be given; `personal` unless said.
    pub class: Class,
    /// What it costs.
    pub prices: Option<Prices>,
}

/// What was agreed with a provider.
#[derive(Clone, Debug)]
pub struct Agreement {
    /// Its name.
    pub name: Spanned<String>,
    /// Who agreed.
    pub parties: Vec<Spanned<String>>,
    /// When it began.
    pub from: Spanned<Moment>,
    /// When it ends.
    pub until: Spanned<Moment>,
    /// Whether it forbids training on input.
    pub forbids_training: Spanned<bool>,
    /// How long the provider keeps what it is sent: `none` or a period.
    pub retention: Spanned<String>,
}

/// What a provider costs, as decimal text per million tokens.
#[derive(Clone, Debug)]
pub struct Prices {
    /// ISO 4217.
    pub currency: String,
    /// For what it is sent.
    pub input_per_million: String,
    /// For what it answers.
    pub output_per_million: String,
}
