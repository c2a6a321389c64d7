// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.net.Socket;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.GeneralSecurityException;
import java.security.KeyStore;
import java.util.Arrays;
import javax.net.ssl.SSLContext;
import javax.net.ssl.SSLSocket;
import javax.net.ssl.TrustManagerFactory;

/**
 * A client that trusts whom a trust store says, and reads it at every connection.
 *
 * <p>usage: java Client.java HOST:PORT NAME TRUSTSTORE PASSWORD_FILE
 *
 * <p>It makes one request after the other and prints a line for each: how many CAs it trusted, and
 * "ok" or why it failed. The server is known by NAME. A request that fails while the trust store is
 * being replaced is made "again": the server may have been quicker than this client.
 */
public class Client {
    public static void main(String[] args) throws Exception {
        String[] address = args[0].split(":");
        Path file = Path.of(args[2]);
        while (true) {
            byte[] content = Files.readAllBytes(file);
            var store = KeyStore.getInstance("JKS");
            store.load(new ByteArrayInputStream(content), Files.readString(Path.of(args[3])).strip().toCharArray());
            String outcome = "ok";
            try {
                request(new Socket(address[0], Integer.parseInt(address[1])), args[1], store);
            } catch (IOException e) {
                outcome = Arrays.equals(content, Files.readAllBytes(file)) ? e.toString() : "again";
            }
            System.out.println(store.size() + " " + outcome);
            if (!outcome.equals("again")) {
                Thread.sleep(30);
            }
        }
    }

    private static void request(Socket plain, String name, KeyStore store) throws IOException, GeneralSecurityException {
        var trust = TrustManagerFactory.getInstance(TrustManagerFactory.getDefaultAlgorithm());
        trust.init(store);
        var context = SSLContext.getInstance("TLS"); // a new one resumes no session
        context.init(null, trust.getTrustManagers(), null);
        try (var socket = (SSLSocket) context.getSocketFactory().createSocket(plain, name, plain.getPort(), true)) {
            var parameters = socket.getSSLParameters();
            parameters.setEndpointIdentificationAlgorithm("HTTPS");
            socket.setSSLParameters(parameters);
            socket.getOutputStream().write(("GET / HTTP/1.1\r\nHost: " + name + "\r\nConnection: close\r\n\r\n").getBytes());
            byte[] answer = socket.getInputStream().readAllBytes();
            if (!new String(answer).startsWith("HTTP/1.1 200 ")) {
                throw new IOException("an answer of " + answer.length + " bytes is not 200");
            }
        }
    }
}
