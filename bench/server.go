// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

package main

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"strings"

	"github.com/hashicorp/vault/api"

	"github.com/certagent/certagent/dev"
	"github.com/certagent/certagent/dev/seed"
	"github.com/certagent/certagent/redact"
)

// serverInfo is what the server prints when it is ready, as one line of JSON.
type serverInfo struct {
	URL, Control     string
	Token            string
	RoleID, SecretID string
}

// serve runs the server: a dev server and a control port. It returns at the end of
// stdin, so that it never outlives its parent.
func serve(ctx context.Context, stdin io.Reader, stdout io.Writer) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	server := dev.New(dev.Options{})
	listener, err := server.Start(ctx, dev.ListenOptions{})
	if err != nil {
		return err
	}
	defer listener.Close()
	control, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	defer control.Close()
	go http.Serve(control, controls(server)) // returns when the listener is closed
	credentials, err := prepare(ctx, listener.URL, server.RootToken())
	if err != nil {
		return err
	}
	err = json.NewEncoder(stdout).Encode(serverInfo{
		URL: listener.URL, Control: "http://" + control.Addr().String(), Token: server.RootToken(),
		RoleID: credentials.RoleID, SecretID: string(credentials.SecretID),
	})
	if err != nil {
		return err
	}
	_, err = io.Copy(io.Discard, stdin)
	return err
}

func controls(s *dev.Server) http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /requests", func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, s.RequestCount()) })
	mux.HandleFunc("POST /reset", func(http.ResponseWriter, *http.Request) { s.ResetRequests() })
	mux.HandleFunc("POST /seal", func(http.ResponseWriter, *http.Request) { s.Seal() })
	mux.HandleFunc("POST /unseal", func(http.ResponseWriter, *http.Request) { s.Unseal() })
	return mux
}

// prepare creates the PKI and the agents' AppRole.
func prepare(ctx context.Context, url, token string) (seed.Credentials, error) {
	client, err := api.NewClient(&api.Config{Address: url})
	if err != nil {
		return seed.Credentials{}, err
	}
	client.SetToken(token)
	pki := seed.PKI{CommonName: "bench CA", Roles: map[string]seed.Params{
		"bench": {"allow_any_name": true, "enforce_hostnames": false, "key_type": "ec", "key_bits": 256, "max_ttl": "720h"},
	}}
	if _, err := pki.Apply(ctx, client); err != nil {
		return seed.Credentials{}, err
	}
	if err := seed.Policy(ctx, client, "bench", `path "pki/issue/bench" { capabilities = ["create", "update"] }`); err != nil {
		return seed.Credentials{}, err
	}
	return seed.AppRole{Role: "bench", Params: seed.Params{"token_policies": "bench", "token_ttl": "24h"}}.Apply(ctx, client)
}

// server is the running server process.
type server struct {
	serverInfo
	cmd   *exec.Cmd
	stdin io.Closer
}

// startServer starts this program again with -serve.
func startServer(ctx context.Context) (*server, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	cmd := exec.CommandContext(ctx, self, "-serve")
	cmd.Env = append(os.Environ(), serverEnv+"=1")
	cmd.Stderr = os.Stderr
	stdin, err := cmd.StdinPipe()
	if err != nil {
		return nil, err
	}
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	s := &server{cmd: cmd, stdin: stdin}
	line, err := bufio.NewReader(stdout).ReadBytes('\n')
	if err == nil {
		err = json.Unmarshal(line, &s.serverInfo)
	}
	if err != nil {
		s.close()
		return nil, fmt.Errorf("reading the server's addresses: %w", err)
	}
	return s, nil
}

// serverEnv makes the test binary run as the server.
const serverEnv = "CERTAGENT_BENCH_SERVER"

func (s *server) close() {
	s.stdin.Close()
	_ = s.cmd.Wait() // any exit status is fine
}

// requests returns the number of requests since the last reset.
func (s *server) requests() (int, error) {
	response, err := http.Get(s.Control + "/requests")
	if err != nil {
		return 0, err
	}
	defer response.Body.Close()
	var n int
	_, err = fmt.Fscan(response.Body, &n)
	return n, err
}

// do runs a command: reset, seal or unseal.
func (s *server) do(command string) error {
	response, err := http.Post(s.Control+"/"+command, "text/plain", strings.NewReader(""))
	if err != nil {
		return err
	}
	return response.Body.Close()
}

func (f serverInfo) credentials() seed.Credentials {
	return seed.Credentials{RoleID: f.RoleID, SecretID: redact.Secret(f.SecretID)}
}
