//! Numbers that belong to nobody: published for tests and for stories. And the checksums of those that do.
//!
//! # Source
//! The payment providers' pages of test cards (Stripe, Adyen); the SWIFT IBAN registry's examples; the regulators' numbers
//! for drama: NANPA, Ofcom, Bundesnetzagentur, ARCEP, ACMA, `ComReg`, PTS.

/// Card numbers that providers publish for tests.
const TEST_CARDS: [&str; 30] = [
    "4242424242424242",
    "4000056655665556",
    "5555555555554444",
    "2223003122003222",
    "5200828282828210",
    "5105105105105100",
    "378282246310005",
    "371449635398431",
    "6011111111111117",
    "6011000990139424",
    "6011981111111113",
    "3056930009020004",
    "36227206271667",
    "6555900000604105",
    "3566002020360505",
    "6200000000000005",
    "4111111111111111",
    "4012888888881881",
    "4000000000000002",
    "4000000000009995",
    "4000002500003155",
    "4000002760003184",
    "4000000000003220",
    "4988438843884305",
    "4166676667666746",
    "4646464646464644",
    "5136333333333335",
    "370000000000002",
    "2222400070000005",
    "5577000055770004",
];

/// IBANs that registries and standards publish as examples.
const TEST_IBANS: [&str; 24] = [
    "AD1200012030200359100100",
    "AT611904300234573201",
    "BE68539007547034",
    "CH9300762011623852957",
    "CZ6508000000192000145399",
    "DE89370400440532013000",
    "DE75512108001245126199",
    "DK5000400440116243",
    "EE382200221020145685",
    "ES9121000418450200051332",
    "FI2112345600000785",
    "FR1420041010050500013M02606",
    "GB29NWBK60161331926819",
    "GB82WEST12345698765432",
    "GB33BUKB20201555555555",
    "GR1601101250000000012300695",
    "HU42117730161111101800000000",
    "IE29AIBK93115212345678",
    "IT60X0542811101000000123456",
    "LU280019400644750000",
    "NL91ABNA0417164300",
    "NO9386011117947",
    "PT50000201231234567890154",
    "SE4550000000058398257466",
];

/// Beginnings of telephone numbers, with country code, that regulators keep free for stories.
const TEST_PHONES: [&str; 62] = [
    // United Kingdom.
    "441134960",
    "441144960",
    "441154960",
    "441164960",
    "441174960",
    "441184960",
    "441214960",
    "441314960",
    "441414960",
    "441514960",
    "441614960",
    "442079460",
    "441914980",
    "442896496",
    "442920180",
    "441632960",
    "447700900",
    "448081570",
    "449098790",
    "443069990",
    // Germany.
    "493023125",
    "496990009",
    "494066969",
    "492214710",
    "498999998",
    "4915228817386",
    "4915228895456",
    "4915254599371",
    "491729925904",
    "491729968532",
    "491729973185",
    "491729973186",
    "491729980752",
    "491749091317",
    "491749464308",
    // France.
    "33199",
    "33261",
    "33353",
    "33465",
    "33536",
    "3363998",
    // Australia.
    "61255501",
    "61270101",
    "61355501",
    "61370101",
    "61755501",
    "61770101",
    "61855501",
    "61870101",
    "6149157015",
    "61491570156",
    "61491570157",
    "61491570158",
    "61491570159",
    "61491570110",
    "611800160401",
    "611300975",
    // Ireland, Sweden.
    "3532091",
    "46313900600",
    "4684650040",
    "467017406",
    "4640628044",
];

/// Whether a number of digits is a payment card's: a known issuer, and the last digit is Luhn's.
pub(super) fn is_card(digits: &str) -> bool {
    let begins = |least: u32, most: u32, length: usize| {
        digits.get(..length).and_then(|head| head.parse().ok()).is_some_and(|head| (least..=most).contains(&head))
    };
    let issuer = match digits.len() {
        13 => begins(4, 4, 1),
        14 => begins(300, 305, 3) || begins(36, 36, 2) || begins(38, 39, 2),
        15 => begins(34, 34, 2) || begins(37, 37, 2),
        16 | 19 => {
            begins(4, 4, 1)
                || begins(51, 55, 2)
                || begins(2221, 2720, 4)
                || begins(6011, 6011, 4)
                || begins(65, 65, 2)
                || begins(3528, 3589, 4)
        }
        _ => false,
    };
    issuer && luhn(digits) && !TEST_CARDS.contains(&digits)
}

/// ISO/IEC 7812-1, annex B.
fn luhn(digits: &str) -> bool {
    let sum: u32 = digits
        .bytes()
        .rev()
        .zip([false, true].into_iter().cycle())
        .map(|(byte, doubled)| {
            let digit = u32::from(byte.saturating_sub(b'0'));
            if doubled { digit / 5 + digit * 2 % 10 } else { digit }
        })
        .sum();
    sum.is_multiple_of(10)
}

/// Whether a text without blanks is an IBAN: its checksum is right, and nobody publishes it as an example.
///
/// # Source
/// ISO 13616; ISO 7064, MOD 97-10.
pub(super) fn is_iban(text: &str) -> bool {
    let Some((head, tail)) = text.split_at_checked(4) else { return false };
    let form = (15..=34).contains(&text.len())
        && head.bytes().take(2).all(|byte| byte.is_ascii_uppercase())
        && head.bytes().skip(2).all(|byte| byte.is_ascii_digit())
        && tail.bytes().all(|byte| byte.is_ascii_uppercase() || byte.is_ascii_digit());
    let value =
        |byte: u8| if byte.is_ascii_digit() { byte - b'0' } else { byte.saturating_sub(b'A').saturating_add(10) };
    let remainder = tail.bytes().chain(head.bytes()).fold(0_u32, |rest, byte| {
        let value = u32::from(value(byte));
        (if value < 10 { rest * 10 } else { rest * 100 }).saturating_add(value) % 97
    });
    form && remainder == 1 && !TEST_IBANS.contains(&text)
}

/// Whether a telephone number, as digits with the country code, belongs to nobody.
pub(super) fn is_test_phone(digits: &str) -> bool {
    TEST_PHONES.iter().any(|begins| digits.starts_with(begins))
        || digits.strip_prefix('1').is_some_and(is_american_test)
}

/// `NPA-555-01XX`; and area code 555, which there is not.
fn is_american_test(national: &str) -> bool {
    national.len() == 10 && (national.get(3..8) == Some("55501") || national.starts_with("555"))
}

/// Whether a number without country code belongs to nobody, in a country that has such numbers.
pub(super) fn is_national_test_phone(digits: &str) -> bool {
    match digits.strip_prefix('0') {
        Some(rest) => {
            ["44", "49", "33", "61", "353", "46"].iter().any(|country| is_test_phone(&format!("{country}{rest}")))
        }
        None => is_american_test(digits) || is_test_phone(digits),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn checksums_tell_numbers_from_digits() {
        assert!(is_card("4539578763621486") && is_card("378734493671000") && is_card("5425233430109903"));
        assert!(!is_card("4539578763621487") && !is_card("4242424242424242") && !is_card("9999999999999995"));
        assert!(is_iban("DE02120300000000202051") && is_iban("GB94BARC10201530093459"));
        assert!(!is_iban("DE02120300000000202052") && !is_iban("DE89370400440532013000") && !is_iban("DE02"));
    }

    #[test]
    fn every_published_number_has_the_checksum_that_makes_it_look_real() {
        for iban in TEST_IBANS {
            let (head, tail) = iban.split_at(4);
            let moved = format!("{tail}{head}");
            let digits: String = moved.chars().filter_map(|c| c.to_digit(36)).map(|value| value.to_string()).collect();
            let rest = digits.bytes().fold(0_u32, |rest, byte| (rest * 10 + u32::from(byte - b'0')) % 97);
            assert_eq!(rest, 1, "{iban}");
        }
        assert!(TEST_CARDS.into_iter().all(luhn));
    }

    #[test]
    fn numbers_for_stories_belong_to_nobody() {
        for nobody in ["12025550143", "442079460958", "447700900123", "493023125123", "33199001234", "61491570156"] {
            assert!(is_test_phone(nobody), "{nobody}");
        }
        for somebody in ["12025551234", "442071838750", "4915112345678", "33142685300"] {
            assert!(!is_test_phone(somebody), "{somebody}");
        }
        assert!(is_national_test_phone("2025550143") && is_national_test_phone("02079460958"));
        assert!(!is_national_test_phone("2025551234") && !is_national_test_phone("01714445566"));
    }
}
