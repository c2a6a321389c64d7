// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

package main

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log"
	"net"
	"net/http"
	"net/http/httputil"
	"net/url"
	"os"
	"os/signal"
	"strconv"
	"sync/atomic"
	"syscall"
	"time"
)

// builtinCommand is the argument that makes this program the built-in server.
const builtinCommand = "builtin-server"

// shutdownTimeout is how long open requests may take when the server stops.
const shutdownTimeout = 5 * time.Second

func isBuiltinServer(args []string) bool { return len(args) > 1 && args[1] == builtinCommand }

// builtinServerCommand returns the command that runs this program as the server.
func builtinServerCommand(listen, upstream string) ([]string, error) {
	self, err := os.Executable()
	return []string{self, builtinCommand, listen, upstream}, err
}

// builtinCheckCommand returns the built-in server's equivalent of nginx -t.
func builtinCheckCommand() ([]string, error) {
	self, err := os.Executable()
	return []string{self, builtinCommand}, err
}

// builtinServer does what nginx does with nginx.conf: mutual TLS in front of an
// upstream, files read at the start and at each SIGHUP, and a pid file. Its arguments
// are its address and the upstream's URL; without them it only checks the files.
func builtinServer(args []string) int {
	var err error
	if len(args) == 4 {
		err = serveBuiltin(args[2], args[3])
	} else {
		err = new(builtin).read()
	}
	if err != nil {
		log.Print(err)
		return 1
	}
	return 0
}

func serveBuiltin(listen, upstream string) error {
	signals := make(chan os.Signal, 8)
	signal.Notify(signals, syscall.SIGHUP, syscall.SIGQUIT, syscall.SIGTERM, syscall.SIGINT)
	b := new(builtin)
	if err := b.read(); err != nil {
		return err
	}
	target, err := url.Parse(upstream)
	if err != nil {
		return err
	}
	ln, err := net.Listen("tcp", listen)
	if err != nil {
		return err
	}
	server := &http.Server{Handler: &httputil.ReverseProxy{
		Rewrite:   func(r *httputil.ProxyRequest) { r.SetURL(target) },
		Transport: b,
	}}
	served := make(chan error, 1)
	go func() { served <- server.Serve(tls.NewListener(ln, b.config())) }()
	if err := os.WriteFile("nginx.pid", []byte(strconv.Itoa(os.Getpid())+"\n"), 0o600); err != nil {
		return err
	}
	b.obey(signals)
	ctx, cancel := context.WithTimeout(context.Background(), shutdownTimeout)
	defer cancel()
	err = errors.Join(server.Shutdown(ctx), os.Remove("nginx.pid"))
	if ended := <-served; !errors.Is(ended, http.ErrServerClosed) {
		err = errors.Join(err, ended)
	}
	return err
}

// builtin is the built-in server's TLS identity, on both sides.
type builtin struct{ now atomic.Pointer[identity] }

// identity is the result of one read of the files.
type identity struct {
	server   *tls.Config
	upstream *http.Transport
}

// read reads the files. If it fails, the previous ones stay in use.
func (b *builtin) read() error {
	pair, err := tls.LoadX509KeyPair("tls/tls.crt", "tls/tls.key")
	if err != nil {
		return fmt.Errorf("reading the certificate: %w", err)
	}
	clientCA, err := os.ReadFile("tls/ca.crt")
	if err != nil {
		return err
	}
	vaultCA, err := os.ReadFile("vault/ca.crt")
	if err != nil {
		return err
	}
	certificates := []tls.Certificate{pair}
	b.now.Store(&identity{
		server: &tls.Config{Certificates: certificates, ClientAuth: tls.RequireAndVerifyClientCert, ClientCAs: pool(clientCA)},
		// As with nginx, each request gets its own connection.
		upstream: &http.Transport{DisableKeepAlives: true, TLSClientConfig: &tls.Config{Certificates: certificates, RootCAs: pool(vaultCA)}},
	})
	return nil
}

// config returns the TLS configuration for a new connection.
func (b *builtin) config() *tls.Config {
	return &tls.Config{GetConfigForClient: func(*tls.ClientHelloInfo) (*tls.Config, error) { return b.now.Load().server, nil }}
}

// RoundTrip sends a request to the upstream.
func (b *builtin) RoundTrip(r *http.Request) (*http.Response, error) {
	return b.now.Load().upstream.RoundTrip(r)
}

// obey reads the files again at each SIGHUP, and returns at any other signal.
func (b *builtin) obey(signals <-chan os.Signal) {
	for sig := range signals {
		if sig != syscall.SIGHUP {
			return
		}
		log.Printf("%v%s", sig, reloadMark)
		if err := b.read(); err != nil {
			log.Printf("the old files stay in use: %v", err)
		}
	}
}
