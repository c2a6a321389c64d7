// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

import java.io.FileInputStream;
import java.security.KeyStore;
import javax.net.ssl.KeyManagerFactory;
import javax.net.ssl.SSLContext;
import javax.net.ssl.SSLServerSocket;
import javax.net.ssl.SSLSocket;
import javax.net.ssl.TrustManagerFactory;

/**
 * Serves one TLS connection with each key store, and connects once with each
 * trust store. The arguments are a port and the password, then "serve TYPE FILE"
 * and "trust TYPE FILE". Prints the port of each server and, at the end, "done".
 */
public class Consumer {
    public static void main(String[] args) throws Exception {
        int port = Integer.parseInt(args[0]);
        char[] password = args[1].toCharArray();
        for (int i = 2; i < args.length; i += 3) {
            KeyStore store = KeyStore.getInstance(args[i + 1]);
            try (FileInputStream in = new FileInputStream(args[i + 2])) {
                store.load(in, password);
            }
            if (args[i].equals("serve")) {
                serve(store, password);
            } else {
                connect(store, port);
            }
        }
        System.out.println("done");
    }

    static void serve(KeyStore store, char[] password) throws Exception {
        KeyManagerFactory keys = KeyManagerFactory.getInstance(KeyManagerFactory.getDefaultAlgorithm());
        keys.init(store, password);
        SSLContext context = SSLContext.getInstance("TLS");
        context.init(keys.getKeyManagers(), null, null);
        SSLServerSocket server = (SSLServerSocket) context.getServerSocketFactory().createServerSocket(
            0, 1, java.net.InetAddress.getByName("127.0.0.1"));
        System.out.println(server.getLocalPort());
        try (SSLSocket socket = (SSLSocket) server.accept()) {
            socket.getOutputStream().write("hello".getBytes());
        }
        server.close();
    }

    static void connect(KeyStore store, int port) throws Exception {
        TrustManagerFactory trust = TrustManagerFactory.getInstance(TrustManagerFactory.getDefaultAlgorithm());
        trust.init(store);
        SSLContext context = SSLContext.getInstance("TLS");
        context.init(null, trust.getTrustManagers(), null);
        try (SSLSocket socket = (SSLSocket) context.getSocketFactory().createSocket("127.0.0.1", port)) {
            socket.startHandshake();
            System.out.println("trusts " + socket.getSession().getPeerCertificates().length);
        }
    }
}
