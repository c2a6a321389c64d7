// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

package auth

import (
	"bytes"
	"cmp"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/hashicorp/vault/api"

	"github.com/certagent/certagent/internal/harness"
)

func TestMain(m *testing.M) { harness.Main(m) }

// call is a request that a fake has seen.
type call struct {
	at        time.Time
	what      string // method and path, such as "PUT auth/approle/login"
	token     string
	namespace string
	wrapTTL   string
	body      map[string]any
}

// reply is what a fake answers: an error, or a status (0 means 200) and a body.
type reply struct {
	status     int
	body       string
	retryAfter string
	err        error
}

// fake is a Vault that follows a script. It answers in the goroutine of the
// request, so that a synctest bubble can hold both sides.
type fake struct {
	answer func(call) reply

	mu    sync.Mutex
	calls []call
}

func (f *fake) RoundTrip(r *http.Request) (*http.Response, error) {
	c := call{
		at: time.Now(), what: r.Method + " " + strings.TrimPrefix(r.URL.Path, "/v1/"),
		token:     r.Header.Get("X-Vault-Token"),
		namespace: r.Header.Get("X-Vault-Namespace"),
		wrapTTL:   r.Header.Get("X-Vault-Wrap-TTL"),
	}
	if r.Body != nil {
		data, err := io.ReadAll(r.Body)
		if err != nil {
			return nil, err
		}
		if len(data) > 0 {
			if err := json.Unmarshal(data, &c.body); err != nil {
				return nil, err
			}
		}
	}
	f.mu.Lock()
	f.calls = append(f.calls, c)
	f.mu.Unlock()

	a := f.answer(c)
	if a.err != nil {
		return nil, a.err
	}
	if err := r.Context().Err(); err != nil {
		return nil, err
	}
	header := http.Header{}
	if a.retryAfter != "" {
		header.Set("Retry-After", a.retryAfter)
	}
	return &http.Response{
		StatusCode: cmp.Or(a.status, http.StatusOK), Header: header, Request: r,
		Body: io.NopCloser(strings.NewReader(a.body)), ContentLength: int64(len(a.body)),
	}, nil
}

// seen returns the calls whose method and path begin with what.
func (f *fake) seen(what string) []call {
	f.mu.Lock()
	defer f.mu.Unlock()
	var found []call
	for _, c := range f.calls {
		if strings.HasPrefix(c.what, what) {
			found = append(found, c)
		}
	}
	return found
}

func (f *fake) client(t *testing.T) *api.Client {
	t.Helper()
	config := api.DefaultConfig()
	config.Address = "http://vault.test:8200"
	config.MaxRetries = 0
	config.HttpClient = &http.Client{Transport: f}
	client, err := api.NewClient(config)
	if err != nil {
		t.Fatal(err)
	}
	return client
}

// granted is the answer to a login or a renewal.
func granted(token string, ttl time.Duration, renewable bool) reply {
	return reply{body: fmt.Sprintf(`{"auth":{"client_token":%q,"accessor":"accessor of %s","lease_duration":%d,"renewable":%t}}`,
		token, token, int(ttl.Seconds()), renewable)}
}

func refused(status int, text string) reply {
	return reply{status: status, body: fmt.Sprintf(`{"errors":[%q]}`, text)}
}

func write(t *testing.T, path, content string) string {
	t.Helper()
	if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func file(t *testing.T, name, content string) string {
	t.Helper()
	return write(t, filepath.Join(t.TempDir(), name), content)
}

func exists(path string) bool {
	_, err := os.Lstat(path)
	return err == nil
}

// journal is a log that a test reads.
type journal struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (j *journal) Write(p []byte) (int, error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.text.Write(p)
}

func (j *journal) logger() *slog.Logger {
	return slog.New(slog.NewTextHandler(j, &slog.HandlerOptions{Level: slog.LevelDebug}))
}

// lines returns the lines that contain all of the substrings.
func (j *journal) lines(substrings ...string) []string {
	j.mu.Lock()
	defer j.mu.Unlock()
	var found []string
	for line := range strings.Lines(j.text.String()) {
		matches := true
		for _, s := range substrings {
			matches = matches && strings.Contains(line, s)
		}
		if matches {
			found = append(found, line)
		}
	}
	return found
}
