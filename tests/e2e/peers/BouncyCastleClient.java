// SPDX-License-Identifier: BSD-3-Clause

import java.io.ByteArrayInputStream;
import java.io.FileInputStream;
import java.io.IOException;
import java.io.InputStream;
import java.net.DatagramPacket;
import java.net.DatagramSocket;
import java.net.InetSocketAddress;
import java.net.SocketTimeoutException;
import java.nio.charset.StandardCharsets;
import java.security.GeneralSecurityException;
import java.security.SecureRandom;
import java.security.cert.CertPathValidator;
import java.security.cert.CertificateFactory;
import java.security.cert.PKIXParameters;
import java.security.cert.TrustAnchor;
import java.security.cert.X509Certificate;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.Hashtable;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.Vector;
import org.bouncycastle.tls.AlertDescription;
import org.bouncycastle.tls.CertificateRequest;
import org.bouncycastle.tls.CipherSuite;
import org.bouncycastle.tls.DTLSClientProtocol;
import org.bouncycastle.tls.DTLSTransport;
import org.bouncycastle.tls.DatagramTransport;
import org.bouncycastle.tls.DefaultTlsClient;
import org.bouncycastle.tls.NameType;
import org.bouncycastle.tls.ProtocolVersion;
import org.bouncycastle.tls.PSKTlsClient;
import org.bouncycastle.tls.ServerName;
import org.bouncycastle.tls.TlsAuthentication;
import org.bouncycastle.tls.TlsClient;
import org.bouncycastle.tls.TlsCredentials;
import org.bouncycastle.tls.TlsExtensionsUtils;
import org.bouncycastle.tls.TlsFatalAlert;
import org.bouncycastle.tls.TlsServerCertificate;
import org.bouncycastle.tls.TlsSession;
import org.bouncycastle.tls.crypto.TlsCertificate;
import org.bouncycastle.tls.crypto.impl.bc.BcTlsCrypto;
import org.bouncycastle.util.encoders.Hex;

/**
 * A client on Bouncy Castle, with the options and the output of client.c. It has no tickets: a session is resumed by
 * its number, for which a server has to keep it.
 */
final class BouncyCastleClient {
    private static final int RESEND_MS = 1000; // until a datagram that has not come back is sent again
    private static final int DATAGRAM_MAX = 2048;
    private static final int HEADERS = 28; // of IPv4 and UDP
    private static final int SUBJECT_DNS = 2; // of the kinds of a subjectAltName
    private static final byte[] TEXT = "a datagram that comes back\0".getBytes(StandardCharsets.US_ASCII);
    private static final Map<String, String> OPTIONS = new HashMap<>(Map.of("deadline", "60", "mtu", "1400"));
    private static final Set<String> VALUES = Set.of(
            "host", "port", "sni", "ca", "identity", "psk", "ciphers", "mtu", "max-fragment", "deadline");
    private static TlsSession session;

    private BouncyCastleClient() {}

    /** A datagram is a datagram. */
    private static final class Datagrams implements DatagramTransport {
        private final DatagramSocket socket;

        Datagrams(DatagramSocket socket) {
            this.socket = socket;
        }

        @Override
        public int getReceiveLimit() {
            return DATAGRAM_MAX;
        }

        @Override
        public int getSendLimit() {
            return Integer.parseInt(OPTIONS.get("mtu")) - HEADERS;
        }

        @Override
        public int receive(byte[] data, int offset, int size, int milliseconds) throws IOException {
            DatagramPacket packet = new DatagramPacket(data, offset, size);
            try {
                socket.setSoTimeout(Math.max(milliseconds, 1));
                socket.receive(packet);
                return packet.getLength();
            } catch (SocketTimeoutException nothing) {
                return -1;
            }
        }

        @Override
        public void send(byte[] data, int offset, int size) throws IOException {
            socket.send(new DatagramPacket(data, offset, size));
        }

        @Override
        public void close() {
            socket.close();
        }
    }

    /** The chain and the name. */
    private static final class Authentication implements TlsAuthentication {
        @Override
        public TlsCredentials getClientCredentials(CertificateRequest request) {
            return null;
        }

        @Override
        public void notifyServerCertificate(TlsServerCertificate server) throws IOException {
            try {
                CertificateFactory factory = CertificateFactory.getInstance("X.509");
                List<X509Certificate> chain = new ArrayList<>();
                for (TlsCertificate one : server.getCertificate().getCertificateList()) {
                    chain.add((X509Certificate) factory.generateCertificate(
                            new ByteArrayInputStream(one.getEncoded())));
                }
                X509Certificate ca;
                try (InputStream file = new FileInputStream(OPTIONS.get("ca"))) {
                    ca = (X509Certificate) factory.generateCertificate(file);
                }
                PKIXParameters parameters = new PKIXParameters(Set.of(new TrustAnchor(ca, null)));
                parameters.setRevocationEnabled(false);
                CertPathValidator.getInstance("PKIX").validate(factory.generateCertPath(chain), parameters);
                if (!chain.get(0).getSubjectAlternativeNames()
                        .contains(List.of(SUBJECT_DNS, OPTIONS.get("sni")))) {
                    throw new IOException("a certificate for another name");
                }
            } catch (GeneralSecurityException | IOException fault) {
                throw new TlsFatalAlert(AlertDescription.bad_certificate, fault);
            }
        }
    }

    private static int[] suites() throws ReflectiveOperationException {
        String[] names = OPTIONS.get("ciphers").split(",");
        int[] found = new int[names.length];
        for (int i = 0; i < names.length; i++) {
            found[i] = CipherSuite.class.getField(names[i]).getInt(null);
        }
        return found;
    }

    private static Hashtable<?, ?> offerMaxFragment(Hashtable<?, ?> extensions) throws IOException {
        if (OPTIONS.containsKey("max-fragment")) {
            int code = Integer.numberOfTrailingZeros(Integer.parseInt(OPTIONS.get("max-fragment"))) - 8;
            TlsExtensionsUtils.addMaxFragmentLengthExtension(extensions, (short) code);
        }
        return extensions;
    }

    private static final class Certified extends DefaultTlsClient {
        Certified(BcTlsCrypto crypto) {
            super(crypto);
        }

        @Override
        protected ProtocolVersion[] getSupportedVersions() {
            return ProtocolVersion.DTLSv12.only();
        }

        @Override
        protected int[] getSupportedCipherSuites() {
            try {
                return OPTIONS.containsKey("ciphers") ? suites() : super.getSupportedCipherSuites();
            } catch (ReflectiveOperationException fault) {
                throw new IllegalArgumentException(fault);
            }
        }

        @Override
        protected Vector<?> getSNIServerNames() {
            return new Vector<>(List.of(new ServerName(
                    NameType.host_name, OPTIONS.get("sni").getBytes(StandardCharsets.US_ASCII))));
        }

        @Override
        public Hashtable<?, ?> getClientExtensions() throws IOException {
            return offerMaxFragment(super.getClientExtensions());
        }

        @Override
        public TlsAuthentication getAuthentication() {
            return new Authentication();
        }

        @Override
        public TlsSession getSessionToResume() {
            return session;
        }

        @Override
        public int getHandshakeTimeoutMillis() {
            return Integer.parseInt(OPTIONS.get("deadline")) * 1000;
        }

        @Override
        public void notifyHandshakeComplete() throws IOException {
            super.notifyHandshakeComplete();
            session = OPTIONS.containsKey("resume") ? context.getSession() : null;
        }
    }

    private static final class Shared extends PSKTlsClient {
        Shared(BcTlsCrypto crypto) {
            super(crypto, OPTIONS.get("identity").getBytes(StandardCharsets.UTF_8),
                    Hex.decode(OPTIONS.get("psk")));
        }

        @Override
        protected ProtocolVersion[] getSupportedVersions() {
            return ProtocolVersion.DTLSv12.only();
        }

        @Override
        protected int[] getSupportedCipherSuites() {
            try {
                return OPTIONS.containsKey("ciphers") ? suites() : super.getSupportedCipherSuites();
            } catch (ReflectiveOperationException fault) {
                throw new IllegalArgumentException(fault);
            }
        }

        @Override
        public int getHandshakeTimeoutMillis() {
            return Integer.parseInt(OPTIONS.get("deadline")) * 1000;
        }
    }

    private static void fail(int code, String why) {
        System.err.println("bouncycastle_client: " + why);
        System.exit(code);
    }

    private static void takeOptions(String[] words) {
        for (int i = 0; i < words.length; i++) {
            String name = words[i].replaceFirst("^--", "");
            if (name.equals("resume")) {
                OPTIONS.put(name, "");
            } else if (VALUES.contains(name) && i + 1 < words.length) {
                OPTIONS.put(name, words[++i]);
            } else {
                fail(2, "no such option: " + words[i]);
            }
        }
        if (!OPTIONS.keySet().containsAll(Set.of("host", "port"))
                || !OPTIONS.keySet().containsAll(Set.of("ca", "sni"))
                && !OPTIONS.keySet().containsAll(Set.of("identity", "psk"))) {
            fail(2, "host and port, and ca and sni, or identity and psk");
        }
    }

    /** Sends a datagram until it comes back. */
    private static void echo(DTLSTransport dtls, long deadline) throws IOException {
        byte[] got = new byte[DATAGRAM_MAX];
        while (System.nanoTime() < deadline) {
            dtls.send(TEXT, 0, TEXT.length);
            int size = dtls.receive(got, 0, got.length, RESEND_MS);
            if (size >= 0) {
                if (!Arrays.equals(Arrays.copyOf(got, size), TEXT)) {
                    throw new IOException("another datagram came back");
                }
                return;
            }
        }
        throw new IOException("the datagram did not come back in time");
    }

    public static void main(String[] words) {
        takeOptions(words);
        long deadline = System.nanoTime() + Long.parseLong(OPTIONS.get("deadline")) * 1_000_000_000L;
        BcTlsCrypto crypto = new BcTlsCrypto(new SecureRandom());
        for (int done = 1; done <= (OPTIONS.containsKey("resume") ? 2 : 1); done++) {
            try (DatagramSocket socket = new DatagramSocket()) {
                socket.connect(new InetSocketAddress(OPTIONS.get("host"), Integer.parseInt(OPTIONS.get("port"))));
                TlsClient client = OPTIONS.containsKey("identity") ? new Shared(crypto) : new Certified(crypto);
                DTLSTransport dtls = new DTLSClientProtocol().connect(client, new Datagrams(socket));
                echo(dtls, deadline);
                dtls.close();
                System.out.println("echoed " + done);
            } catch (IOException fault) {
                fail(1, fault.toString() + (fault.getCause() == null ? "" : ": " + fault.getCause()));
            }
        }
    }
}
