// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

import com.sun.net.httpserver.HttpsConfigurator;
import com.sun.net.httpserver.HttpsServer;
import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.net.InetSocketAddress;
import java.net.Socket;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.GeneralSecurityException;
import java.security.KeyStore;
import java.security.Principal;
import java.security.PrivateKey;
import java.security.cert.X509Certificate;
import java.util.Arrays;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.Executors;
import java.util.concurrent.TimeUnit;
import javax.net.ssl.KeyManager;
import javax.net.ssl.SSLContext;
import javax.net.ssl.SSLEngine;
import javax.net.ssl.X509ExtendedKeyManager;
import sun.misc.Signal;

/**
 * An HTTPS server whose certificate is replaced while it runs.
 *
 * <p>usage: java Server.java HOST:PORT TYPE KEYSTORE PASSWORD_FILE [PID_FILE]
 *
 * <p>TYPE is PKCS12 or JKS. With a PID_FILE the key store is read again on SIGHUP, without one
 * every second.
 */
public class Server {
    public static void main(String[] args) throws Exception {
        String[] address = args[0].split(":");
        var keys = new Keys(args[1], Path.of(args[2]), Path.of(args[3]));
        var context = SSLContext.getInstance("TLS");
        context.init(new KeyManager[] {keys}, null, null);

        var server = HttpsServer.create(new InetSocketAddress(address[0], Integer.parseInt(address[1])), 0);
        server.setHttpsConfigurator(new HttpsConfigurator(context));
        server.setExecutor(Executors.newCachedThreadPool());
        server.createContext("/", exchange -> {
            byte[] body = "served by Java\n".getBytes();
            exchange.sendResponseHeaders(200, body.length);
            exchange.getResponseBody().write(body);
            exchange.close();
        });
        server.start();

        if (args.length > 4) {
            Signal.handle(new Signal("HUP"), signal -> keys.reload());
            Files.writeString(Path.of(args[4]), ProcessHandle.current().pid() + "\n");
        } else {
            Executors.newSingleThreadScheduledExecutor().scheduleWithFixedDelay(keys::reload, 1, 1, TimeUnit.SECONDS);
        }
    }
}

/**
 * The one pair of a key store, as it was read last.
 *
 * <p>A handshake asks for an alias, for its key and for its chain, one after the other. Each pair
 * has an alias of its own here, so that a handshake gets all three of one pair.
 */
class Keys extends X509ExtendedKeyManager {
    private record Pair(PrivateKey key, X509Certificate[] chain) {}

    private final String type;
    private final Path store;
    private final Path password;
    private final Map<String, Pair> pairs = new ConcurrentHashMap<>();
    private byte[] content;
    private int count;
    private volatile String newest;

    Keys(String type, Path store, Path password) throws IOException, GeneralSecurityException {
        this.type = type;
        this.store = store;
        this.password = password;
        load();
    }

    /** Leaves everything as it is if the key store cannot be read. */
    void reload() {
        try {
            load();
        } catch (IOException | GeneralSecurityException e) {
            System.err.println("reading " + store + ": " + e);
        }
    }

    private synchronized void load() throws IOException, GeneralSecurityException {
        byte[] read = Files.readAllBytes(store);
        if (Arrays.equals(read, content)) {
            return;
        }
        char[] secret = Files.readString(password).strip().toCharArray();
        var keys = KeyStore.getInstance(type);
        keys.load(new ByteArrayInputStream(read), secret);
        String entry = keys.aliases().nextElement();
        var chain = Arrays.stream(keys.getCertificateChain(entry)).toArray(X509Certificate[]::new);
        String alias = String.valueOf(count++);
        pairs.put(alias, new Pair((PrivateKey) keys.getKey(entry, secret), chain));
        newest = alias;
        pairs.remove(String.valueOf(count - 3)); // the last but one may be in use
        content = read;
    }

    @Override
    public String chooseEngineServerAlias(String keyType, Principal[] issuers, SSLEngine engine) {
        String alias = newest;
        return keyType.startsWith(pairs.get(alias).key.getAlgorithm()) ? alias : null;
    }

    @Override
    public PrivateKey getPrivateKey(String alias) {
        return pairs.get(alias).key;
    }

    @Override
    public X509Certificate[] getCertificateChain(String alias) {
        return pairs.get(alias).chain;
    }

    @Override
    public String chooseServerAlias(String keyType, Principal[] issuers, Socket socket) {
        return chooseEngineServerAlias(keyType, issuers, null);
    }

    @Override
    public String[] getServerAliases(String keyType, Principal[] issuers) {
        return new String[] {newest};
    }

    @Override
    public String[] getClientAliases(String keyType, Principal[] issuers) {
        return null; // this is a server
    }

    @Override
    public String chooseClientAlias(String[] keyTypes, Principal[] issuers, Socket socket) {
        return null;
    }
}
