/* SPDX-License-Identifier: BSD-3-Clause */
/* From an SSL to what its cookie is bound to, and back. */
#include <openssl/bio.h>
#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/ssl.h>

#include <errno.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "base/secret.h"
#include "tls/schedule.h"
#include "wire/hello.h"

/* What makes the input of TLS another one than that of any ClientHello of DTLS. */
static const uint8_t tls_label[] = { 'T', 'L', 'S', ' ', '1', '.', '3' };

/* One end of a conversation. */
struct end {
	uint8_t family; /* 4 or 6 */
	uint8_t address[16];
	uint8_t port[2];
};

/* What this knows of an SSL, in its ex_data from the first hello or hg_tls_cookies_set_peer() on. */
struct peer {
	uint8_t tuple[36];
	uint8_t family; /* 0: the BIO knows */
	enum hg_tls_seen seen;
	bool unusable;  /* the hello that was seen cannot be continued from */
	bool has_fresh; /* since this hello was seen */
	bool proved; /* DTLSv1_listen() has accepted this cookie, and SSL_accept() will ask again */
	uint8_t fresh[HG_COOKIE_LEN];
	uint8_t cookie[HG_COOKIE_LEN]; /* proved */
	uint8_t client[HG_COOKIE_HELLO_LEN + 1 + HG_HELLO_SESSION_ID_MAX];
	uint16_t client_len;
	uint16_t offer_len;
	size_t room;
	uint8_t *offer;
};

static CRYPTO_ONCE once = CRYPTO_ONCE_STATIC_INIT;
static int ctx_index = -1, ssl_index = -1;

static void
free_cookies(void *parent, void *ptr, CRYPTO_EX_DATA *data, int index, long argl, void *argp)
{
	(void)parent;
	(void)data;
	(void)index;
	(void)argl;
	(void)argp;
	hg_tls_cookies_free(ptr);
}

static void
free_peer(void *parent, void *ptr, CRYPTO_EX_DATA *data, int index, long argl, void *argp)
{
	struct peer *peer = ptr;

	(void)parent;
	(void)data;
	(void)index;
	(void)argl;
	(void)argp;
	if (peer != NULL)
		free(peer->offer);
	free(peer);
}

/* SSL_dup(): the copy has a peer of its own, when it meets one. */
static int
forget_peer(CRYPTO_EX_DATA *to, const CRYPTO_EX_DATA *from, void **ptr, int index, long argl,
	void *argp)
{
	(void)to;
	(void)from;
	(void)index;
	(void)argl;
	(void)argp;
	*ptr = NULL;
	return 1;
}

static void
make_indices(void)
{
	ctx_index = SSL_CTX_get_ex_new_index(0, NULL, NULL, NULL, free_cookies);
	ssl_index = SSL_get_ex_new_index(0, NULL, NULL, forget_peer, free_peer);
}

static bool
have_indices(void)
{
	return CRYPTO_THREAD_run_once(&once, make_indices) == 1 && ctx_index >= 0 && ssl_index >= 0;
}

/* NULL without memory. */
static struct peer *
peer_of(SSL *ssl)
{
	struct peer *peer = SSL_get_ex_data(ssl, ssl_index);

	if (peer != NULL)
		return peer;
	peer = calloc(1, sizeof(*peer));
	if (peer != NULL && SSL_set_ex_data(ssl, ssl_index, peer) != 1) {
		free(peer);
		peer = NULL;
	}
	return peer;
}

/* Returns 0, -EINVAL for NULL, or -EAFNOSUPPORT. */
static int
read_end(struct end *end, const struct sockaddr *from)
{
	const struct sockaddr_in6 *six = (const void *)from;
	const struct sockaddr_in *four = (const void *)from;

	if (from == NULL)
		return -EINVAL;
	if (from->sa_family == AF_INET) {
		end->family = 4;
		memcpy(end->address, &four->sin_addr, 4);
		memcpy(end->port, &four->sin_port, 2);
		return 0;
	}
	if (from->sa_family != AF_INET6)
		return -EAFNOSUPPORT;
	memcpy(end->port, &six->sin6_port, 2);
	end->family = IN6_IS_ADDR_V4MAPPED(&six->sin6_addr) ? 4 : 6;
	if (end->family == 4)
		memcpy(end->address, six->sin6_addr.s6_addr + 12, 4);
	else
		memcpy(end->address, &six->sin6_addr, 16);
	return 0;
}

/* Returns 0 with the tuple and its family written, or -EINVAL if the families differ. */
static int
join_ends(const struct end *peer, struct end *local, uint8_t tuple[36], uint8_t *ret_family)
{
	size_t n = peer->family == 4 ? 4 : 16;

	/* A socket for both families that is bound to no address. */
	if (local->family == 6 && peer->family == 4 &&
		memcmp(local->address, &in6addr_any, sizeof(local->address)) == 0)
		local->family = 4;
	if (peer->family != local->family)
		return -EINVAL;
	memcpy(tuple, peer->address, n);
	memcpy(tuple + n, local->address, n);
	memcpy(tuple + 2 * n, peer->port, 2);
	memcpy(tuple + 2 * n + 2, local->port, 2);
	*ret_family = peer->family;
	return 0;
}

int
hg_tls_cookies_set_peer(SSL *ssl, const struct sockaddr *peer, const struct sockaddr *local)
{
	struct end ends[2];
	struct peer *state;
	int err;

	if (ssl == NULL)
		return -EINVAL;
	if (!have_indices())
		return -ENOMEM;
	state = peer_of(ssl);
	if (state == NULL)
		return -ENOMEM;
	if (peer == NULL && local == NULL) {
		state->family = 0;
		return 0;
	}
	err = read_end(&ends[0], peer);
	if (err == 0)
		err = read_end(&ends[1], local);
	if (err != 0)
		return err;
	return join_ends(&ends[0], &ends[1], state->tuple, &state->family);
}

/* Of the datagram that was read last. */
static int
datagram_peer(BIO *bio, struct end *end)
{
	static const uint8_t mapped[12] = { [10] = 0xff, [11] = 0xff }; /* RFC 4291 2.5.5.2 */
	BIO_ADDR *address = BIO_ADDR_new();
	size_t n = sizeof(end->address);
	uint16_t port;
	int err = -ENOTCONN;

	if (address == NULL)
		return -ENOMEM;
	if (BIO_dgram_get_peer(bio, address) > 0 &&
		(BIO_ADDR_family(address) == AF_INET || BIO_ADDR_family(address) == AF_INET6) &&
		BIO_ADDR_rawaddress(address, end->address, &n) == 1) {
		port = BIO_ADDR_rawport(address);
		memcpy(end->port, &port, sizeof(port));
		end->family = n == 4 ? 4 : 6;
		if (n == 16 && memcmp(end->address, mapped, sizeof(mapped)) == 0) {
			memmove(end->address, end->address + 12, 4);
			end->family = 4;
		}
		err = 0;
	}
	BIO_ADDR_free(address);
	return err;
}

/* Asks the BIO that the SSL reads. Returns 0, or a negative error. */
static int
ask_bio(SSL *ssl, uint8_t tuple[36], uint8_t *ret_family)
{
	struct sockaddr_storage from = { 0 }, to = { 0 };
	socklen_t from_len = sizeof(from), to_len = sizeof(to);
	BIO *bio = SSL_get_rbio(ssl), *socket;
	struct end peer, local;
	int fd, err;

	socket = bio != NULL ? BIO_find_type(bio, BIO_TYPE_DESCRIPTOR) : NULL;
	if (socket == NULL || BIO_get_fd(socket, &fd) < 0 ||
		getsockname(fd, (struct sockaddr *)&to, &to_len) != 0)
		return -ENOTCONN;
	if (SSL_is_dtls(ssl)) {
		err = datagram_peer(bio, &peer);
	} else {
		if (getpeername(fd, (struct sockaddr *)&from, &from_len) != 0)
			return -ENOTCONN;
		err = read_end(&peer, (const struct sockaddr *)&from);
	}
	if (err == 0)
		err = read_end(&local, (const struct sockaddr *)&to);
	return err == 0 ? join_ends(&peer, &local, tuple, ret_family) : err;
}

/*
 * Keeps what a cookie is bound to: OpenSSL writes its answer over it. The binding may change before it
 * is asked for, so this is all that one of them needs.
 */
static void
keep_bound(struct peer *peer, const struct hg_hello *hello)
{
	memcpy(peer->client, hello->client, hello->client_len);
	peer->client_len = hello->client_len;
	peer->seen = HG_TLS_HELLO;
	if (hello->offer_len == 0 || hello->client_len + hello->offer_len > HG_COOKIE_BOUND_MAX)
		return;
	if (hello->offer_len > peer->room) {
		uint8_t *grown = realloc(peer->offer, hello->offer_len);

		if (grown == NULL)
			return;
		peer->offer = grown;
		peer->room = hello->offer_len;
	}
	memcpy(peer->offer, hello->offer, hello->offer_len);
	peer->offer_len = hello->offer_len;
	peer->seen = HG_TLS_BOUND;
}

void
hg_tls_cookies_message(int write_p, int version, int content_type, const void *message, size_t len,
	SSL *ssl, void *arg)
{
	const uint8_t *handshake = message;
	struct hg_hello hello;
	enum hg_verdict verdict;
	struct peer *peer;
	size_t message_len;

	(void)version;
	(void)arg;
	if (write_p != 0 || content_type != SSL3_RT_HANDSHAKE || len < HG_HANDSHAKE_LEN ||
		handshake[0] != HG_HANDSHAKE_CLIENT_HELLO || !SSL_is_dtls(ssl) || !have_indices())
		return;
	peer = peer_of(ssl);
	if (peer == NULL)
		return;
	peer->has_fresh = false;
	peer->seen = HG_TLS_UNBOUND;
	/*
	 * OpenSSL 3.0 cannot go on from another message_seq than 1 (RFC 6347 4.2.2, erratum 5186), but
	 * DTLSv1_listen() accepts 0 and 2.
	 */
	message_len = hg_load_be24(handshake + HG_HANDSHAKE_LENGTH);
	peer->unusable = hg_load_be16(handshake + HG_HANDSHAKE_SEQ) != 1 ||
			 message_len > HG_HELLO_MESSAGE_MAX;
	len -= HG_HANDSHAKE_LEN;
	if (message_len < len) /* OpenSSL would have refused it */
		return;
	verdict = hg_hello_parse_body(handshake + HG_HANDSHAKE_LEN, len, message_len, &hello);
	if (verdict == HG_PASS || verdict == HG_DROP_HELLO_DTLS13)
		keep_bound(peer, &hello);
}

/* Says on OpenSSL's error queue why there is neither cookie nor verdict. */
static void
complain(int err)
{
	const char *why;

	switch (err) {
	case -ENODATA:
		why = "the hello was not seen: the SSL is older than hg_tls_cookies_install(), or its "
		      "message callback does not call hg_tls_cookies_message()";
		break;
	case -ENOTCONN:
		why = "the peer's address is not known: neither does the BIO tell it, nor did "
		      "hg_tls_cookies_set_peer()";
		break;
	case -ENOMEM:
		why = "no memory";
		break;
	default:
		why = "the addresses are not IPv4 or IPv6, or not of one family";
	}
	ERR_raise_data(ERR_LIB_USER, ERR_R_INTERNAL_ERROR, "hellogate cookies: %s", why);
}

/* What both kinds of callbacks do; cookie is NULL if a fresh one is all that is asked for. */
static int
settle(SSL *ssl, struct peer *peer, const unsigned char *cookie, size_t len)
{
	struct hg_tls_cookies *cookies = SSL_CTX_get_ex_data(SSL_get_SSL_CTX(ssl), ctx_index);
	struct hg_tls_asked asked = { .cookie = cookie, .cookie_len = len };
	int result = 0;

	if (SSL_is_dtls(ssl)) {
		asked.seen = peer->seen;
		asked.unusable = peer->unusable;
	} else {
		asked.seen = HG_TLS_ALWAYS;
		asked.client = asked.offer = tls_label;
		asked.client_len = sizeof(tls_label);
	}
	if (asked.seen == HG_TLS_HELLO || asked.seen == HG_TLS_BOUND) {
		asked.client = peer->client;
		asked.client_len = peer->client_len;
	}
	if (asked.seen == HG_TLS_BOUND) {
		asked.offer = peer->offer;
		asked.offer_len = peer->offer_len;
	}
	asked.family = peer->family;
	if (peer->family != 0)
		memcpy(asked.tuple, peer->tuple, sizeof(asked.tuple));
	else
		result = ask_bio(ssl, asked.tuple, &asked.family);
	if (result == 0)
		result = hg_tls_cookies_settle(cookies, &asked, peer->fresh);
	if (result < 0)
		complain(result);
	return result;
}

static int
generate(SSL *ssl, unsigned char *cookie, size_t *ret_len)
{
	struct peer *peer = peer_of(ssl);

	if (peer == NULL) {
		complain(-ENOMEM);
		return 0;
	}
	peer->proved = false;
	/* It has been made already if the hello brought another one. */
	if (!peer->has_fresh && settle(ssl, peer, NULL, 0) < 0)
		return 0;
	peer->has_fresh = false;
	memcpy(cookie, peer->fresh, HG_COOKIE_LEN);
	*ret_len = HG_COOKIE_LEN;
	return 1;
}

static int
verify(SSL *ssl, const unsigned char *cookie, size_t len)
{
	struct peer *peer = peer_of(ssl);
	int result;

	if (peer == NULL) {
		complain(-ENOMEM);
		return 0;
	}
	/* Within DTLSv1_listen() it is a new hello, maybe of another peer. */
	if (SSL_in_before(ssl))
		peer->proved = false;
	/*
	 * SSL_accept() behind DTLSv1_listen(): the cookie may be too old by now, and the SSL may read
	 * another socket, connected to the peer. What counts has been judged.
	 */
	if (peer->proved && !peer->unusable && len == HG_COOKIE_LEN &&
		hg_secret_equal(cookie, peer->cookie, HG_COOKIE_LEN))
		return 1;
	result = settle(ssl, peer, cookie, len);
	peer->has_fresh = result == 0 && peer->seen != HG_TLS_UNSEEN;
	if (result != 1)
		return 0;
	memcpy(peer->cookie, cookie, HG_COOKIE_LEN);
	peer->proved = SSL_is_dtls(ssl) && SSL_in_before(ssl) && peer->seen != HG_TLS_UNSEEN;
	return 1;
}

static int
generate_dtls(SSL *ssl, unsigned char *cookie, unsigned int *ret_len)
{
	size_t len = 0;
	int made = generate(ssl, cookie, &len);

	*ret_len = (unsigned int)len;
	return made;
}

static int
verify_dtls(SSL *ssl, const unsigned char *cookie, unsigned int len)
{
	return verify(ssl, cookie, len);
}

int
hg_tls_cookies_install(struct hg_tls_cookies *cookies, SSL_CTX *ctx, struct hg_tls_error *error)
{
	struct hg_tls_cookies *former;

	if (cookies == NULL || ctx == NULL)
		return hg_tls_cookies_blame(error, -EINVAL, cookies == NULL ? "cookies" : "ctx",
			"cookies and an SSL_CTX are needed");
	if (!have_indices())
		return hg_tls_cookies_blame(error, -ENOMEM, "ctx", "no memory");
	former = SSL_CTX_get_ex_data(ctx, ctx_index);
	if (SSL_CTX_set_ex_data(ctx, ctx_index, cookies) != 1)
		return hg_tls_cookies_blame(error, -ENOMEM, "ctx", "no memory");
	hg_tls_cookies_hold(cookies);
	hg_tls_cookies_free(former);
	SSL_CTX_set_options(ctx, SSL_OP_COOKIE_EXCHANGE);
	SSL_CTX_set_msg_callback(ctx, hg_tls_cookies_message);
	SSL_CTX_set_cookie_generate_cb(ctx, generate_dtls);
	SSL_CTX_set_cookie_verify_cb(ctx, verify_dtls);
	SSL_CTX_set_stateless_cookie_generate_cb(ctx, generate);
	SSL_CTX_set_stateless_cookie_verify_cb(ctx, verify);
	return 0;
}
