//! Fideslang's words for what data is used for and what data is: purposes of workflows, categories of fields.
//!
//! # Source
//! Fideslang 3.1.4, Ethyca, CC BY 4.0: the default taxonomy of the `PyPI` package `fideslang`.

use std::cmp::Reverse;

use crate::nearest;

/// Whether a text is a data use of the taxonomy.
pub fn is_data_use(text: &str) -> bool {
    DATA_USES.binary_search(&text).is_ok()
}

/// Whether a text is a data category of the taxonomy.
pub fn is_data_category(text: &str) -> bool {
    DATA_CATEGORIES.binary_search(&text).is_ok()
}

/// Why no workflow may have this purpose, as a sentence fragment; nothing when it may.
///
/// # Source
/// language.md section 6: a client's data serves that client's workflows alone. Promise P23.
pub fn forbidden(purpose: &str) -> Option<&'static str> {
    let is_or_below =
        |root: &str| purpose.strip_prefix(root).is_some_and(|rest| rest.is_empty() || rest.starts_with('.'));
    if is_or_below("train_ai_system") {
        Some("trains AI systems on what it is given")
    } else if is_or_below("third_party_sharing") {
        Some("gives a client's data to others")
    } else if is_or_below("marketing.advertising") {
        Some("uses a client's data for advertising")
    } else if purpose.ends_with(".improve") {
        Some("improves a product with a client's data instead of serving that client")
    } else {
        None
    }
}

/// The key of a taxonomy that a wrong one probably means: one that is nearly the same, else the shortest that ends alike.
pub fn nearest(wrong: &str, keys: &[&'static str]) -> Option<&'static str> {
    let last = |key: &str| key.rsplit('.').next().map(|last| last.to_ascii_lowercase().replace('-', "_"));
    let same_end = |key: &&&str| last(key) == last(wrong);
    let ends_alike = || keys.iter().filter(same_end).max_by_key(|key| Reverse((key.len(), **key))).copied();
    nearest::nearest(wrong, keys.iter().copied()).or_else(ends_alike)
}

/// What a workflow may be said to be for, sorted.
pub fn allowed() -> Vec<&'static str> {
    DATA_USES.iter().copied().filter(|purpose| forbidden(purpose).is_none()).collect()
}

/// What data may be said to be used for, sorted.
pub const DATA_USES: [&str; 56] = [
    "analytics",
    "analytics.reporting",
    "analytics.reporting.ad_performance",
    "analytics.reporting.campaign_insights",
    "analytics.reporting.content_performance",
    "analytics.reporting.system",
    "analytics.reporting.system.performance",
    "collect",
    "employment",
    "employment.recruitment",
    "essential",
    "essential.fraud_detection",
    "essential.legal_obligation",
    "essential.service",
    "essential.service.authentication",
    "essential.service.notifications",
    "essential.service.notifications.email",
    "essential.service.notifications.sms",
    "essential.service.operations",
    "essential.service.operations.improve",
    "essential.service.operations.support",
    "essential.service.payment_processing",
    "essential.service.security",
    "essential.service.upgrades",
    "finance",
    "functional",
    "functional.service",
    "functional.service.improve",
    "functional.storage",
    "functional.storage.privacy_preferences",
    "marketing",
    "marketing.advertising",
    "marketing.advertising.first_party",
    "marketing.advertising.first_party.contextual",
    "marketing.advertising.first_party.targeted",
    "marketing.advertising.frequency_capping",
    "marketing.advertising.negative_targeting",
    "marketing.advertising.profiling",
    "marketing.advertising.serving",
    "marketing.advertising.third_party",
    "marketing.advertising.third_party.targeted",
    "marketing.communications",
    "marketing.communications.email",
    "marketing.communications.sms",
    "operations",
    "personalize",
    "personalize.content",
    "personalize.content.limited",
    "personalize.content.profiled",
    "personalize.content.profiling",
    "personalize.profiling",
    "personalize.system",
    "sales",
    "third_party_sharing",
    "third_party_sharing.legal_obligation",
    "train_ai_system",
];

/// What data may be said to be, sorted.
pub const DATA_CATEGORIES: [&str; 85] = [
    "system",
    "system.authentication",
    "system.operations",
    "user",
    "user.account",
    "user.account.settings",
    "user.account.username",
    "user.authorization",
    "user.authorization.biometric",
    "user.authorization.credentials",
    "user.authorization.password",
    "user.behavior",
    "user.behavior.browsing_history",
    "user.behavior.media_consumption",
    "user.behavior.purchase_history",
    "user.behavior.search_history",
    "user.biometric",
    "user.biometric.fingerprint",
    "user.biometric.health",
    "user.biometric.retinal",
    "user.biometric.voice",
    "user.childrens",
    "user.contact",
    "user.contact.address",
    "user.contact.address.city",
    "user.contact.address.country",
    "user.contact.address.postal_code",
    "user.contact.address.state",
    "user.contact.address.street",
    "user.contact.email",
    "user.contact.fax_number",
    "user.contact.organization",
    "user.contact.phone_number",
    "user.contact.url",
    "user.content",
    "user.content.private",
    "user.content.public",
    "user.content.self_image",
    "user.criminal_history",
    "user.demographic",
    "user.demographic.age_range",
    "user.demographic.date_of_birth",
    "user.demographic.gender",
    "user.demographic.language",
    "user.demographic.marital_status",
    "user.demographic.political_opinion",
    "user.demographic.profile",
    "user.demographic.race_ethnicity",
    "user.demographic.religious_belief",
    "user.demographic.sexual_orientation",
    "user.device",
    "user.device.cookie",
    "user.device.cookie_id",
    "user.device.device_id",
    "user.device.ip_address",
    "user.financial",
    "user.financial.bank_account",
    "user.financial.credit_card",
    "user.government_id",
    "user.government_id.birth_certificate",
    "user.government_id.drivers_license_number",
    "user.government_id.immigration",
    "user.government_id.national_identification_number",
    "user.government_id.passport_number",
    "user.government_id.vehicle_registration",
    "user.health_and_medical",
    "user.health_and_medical.genetic",
    "user.health_and_medical.insurance_beneficiary_id",
    "user.health_and_medical.record_id",
    "user.job_title",
    "user.location",
    "user.location.imprecise",
    "user.location.precise",
    "user.name",
    "user.name.first",
    "user.name.last",
    "user.payment",
    "user.privacy_preferences",
    "user.sensor",
    "user.social",
    "user.telemetry",
    "user.unique_id",
    "user.unique_id.pseudonymous",
    "user.user_sensor",
    "user.workplace",
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_lists_are_sorted_so_that_they_can_be_searched() {
        assert!(DATA_USES.is_sorted() && DATA_CATEGORIES.is_sorted());
        assert!(DATA_USES.into_iter().all(is_data_use) && DATA_CATEGORIES.into_iter().all(is_data_category));
    }

    #[test]
    fn nothing_forbidden_is_proposed() {
        assert_eq!(nearest("improve", &DATA_USES), Some("functional.service.improve"));
        assert!(forbidden("functional.service.improve").is_some());
        assert_eq!(nearest("improve", &allowed()).and_then(forbidden), None);
    }

    #[test]
    fn what_does_not_serve_the_client_is_forbidden() {
        let refused: Vec<_> = DATA_USES.into_iter().filter(|purpose| forbidden(purpose).is_some()).collect();
        let expected = [
            "essential.service.operations.improve",
            "functional.service.improve",
            "marketing.advertising",
            "marketing.advertising.first_party",
            "marketing.advertising.first_party.contextual",
            "marketing.advertising.first_party.targeted",
            "marketing.advertising.frequency_capping",
            "marketing.advertising.negative_targeting",
            "marketing.advertising.profiling",
            "marketing.advertising.serving",
            "marketing.advertising.third_party",
            "marketing.advertising.third_party.targeted",
            "third_party_sharing",
            "third_party_sharing.legal_obligation",
            "train_ai_system",
        ];
        assert_eq!(refused, expected);
    }

    #[test]
    fn a_wrong_key_leads_to_the_one_that_was_meant() {
        let nearest_use = |wrong| nearest(wrong, &DATA_USES);
        assert_eq!(nearest_use("essential.service.operation.support"), Some("essential.service.operations.support"));
        assert_eq!(nearest_use("support"), Some("essential.service.operations.support"));
        assert_eq!(nearest_use("curiosity"), None);
        assert_eq!(nearest("user.email", &DATA_CATEGORIES), Some("user.contact.email"));
        assert_eq!(nearest("User.Contact.E-mail", &DATA_CATEGORIES), Some("user.contact.email"));
    }
}
