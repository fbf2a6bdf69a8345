/* A security key in software, for tests: SSH_SK_PROVIDER of OpenSSH (PROTOCOL.u2f, sk-api.h), Ed25519 alone. */
#include <openssl/evp.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#define EXPORT __attribute__((visibility("default")))
#define PRESENT 0x01

struct sk_enroll_response {
	uint8_t flags;
	uint8_t *public_key; size_t public_key_len;
	uint8_t *key_handle; size_t key_handle_len;
	uint8_t *signature; size_t signature_len;
	uint8_t *attestation_cert; size_t attestation_cert_len;
	uint8_t *authdata; size_t authdata_len;
};
struct sk_sign_response {
	uint8_t flags;
	uint32_t counter;
	uint8_t *sig_r; size_t sig_r_len;
	uint8_t *sig_s; size_t sig_s_len;
};

EXPORT uint32_t sk_api_version(void) { return 0x000a0000; }

EXPORT int sk_enroll(uint32_t alg, const uint8_t *challenge, size_t challenge_len, const char *application,
    uint8_t flags, const char *pin, void **options, struct sk_enroll_response **out)
{
	EVP_PKEY *key = alg == 1 ? EVP_PKEY_Q_keygen(NULL, NULL, "ED25519") : NULL;
	struct sk_enroll_response *made = calloc(1, sizeof *made);
	if (key == NULL || made == NULL) return -1;
	made->flags = flags;
	made->public_key = calloc(1, made->public_key_len = 32);
	made->key_handle = calloc(1, made->key_handle_len = 32);
	made->signature = calloc(1, made->signature_len = 64);
	EVP_PKEY_get_raw_public_key(key, made->public_key, &made->public_key_len);
	/* The handle is the key itself: whoever has the file has it. */
	EVP_PKEY_get_raw_private_key(key, made->key_handle, &made->key_handle_len);
	EVP_PKEY_free(key);
	*out = made;
	return 0;
}

EXPORT int sk_sign(uint32_t alg, const uint8_t *data, size_t data_len, const char *application,
    const uint8_t *handle, size_t handle_len, uint8_t flags, const char *pin, void **options,
    struct sk_sign_response **out)
{
	EVP_PKEY *key = alg == 1 ? EVP_PKEY_new_raw_private_key(EVP_PKEY_ED25519, NULL, handle, handle_len) : NULL;
	struct sk_sign_response *made = calloc(1, sizeof *made);
	EVP_MD_CTX *hand = EVP_MD_CTX_new();
	uint8_t message[32 + 1 + 4 + 32] = {0};
	if (key == NULL || made == NULL || hand == NULL) return -1;
	made->flags = flags & PRESENT;
	made->counter = 7;
	made->sig_r = calloc(1, made->sig_r_len = 64);
	EVP_Digest(application, strlen(application), message, NULL, EVP_sha256(), NULL);
	message[32] = made->flags;
	message[36] = 7;
	EVP_Digest(data, data_len, message + 37, NULL, EVP_sha256(), NULL);
	int done = EVP_DigestSignInit(hand, NULL, NULL, NULL, key) == 1 &&
	    EVP_DigestSign(hand, made->sig_r, &made->sig_r_len, message, sizeof message) == 1;
	EVP_MD_CTX_free(hand);
	EVP_PKEY_free(key);
	*out = made;
	return done ? 0 : -1;
}

EXPORT int sk_load_resident_keys(const char *pin, void **options, void ***keys, size_t *count)
{
	*keys = NULL;
	*count = 0;
	return 0;
}
