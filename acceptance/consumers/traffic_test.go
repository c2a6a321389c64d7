// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

package consumers

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net/http"
	"sync"
	"time"

	"github.com/certagent/certagent/certinfo"
)

const (
	clientsAtOnce = 3
	// pause is what each client leaves between two requests, for the sake of the
	// other tests on the machine.
	pause = 30 * time.Millisecond
)

// traffic is clients that make one request after the other, over a new connection
// each that resumes no session. They verify what they are shown.
type traffic struct {
	*world
	stop func()

	mu                  sync.Mutex
	requests            int
	failed, expired     int
	first               error // what the first failed request failed with
	order               []string
	seenFirst, seenLast map[string]time.Time // by serial: the end of the first request, the beginning of the last
}

// clients starts the traffic. It ends with the test, or when it is stopped.
func (w *world) clients() *traffic {
	w.Helper()
	t := &traffic{world: w, seenFirst: make(map[string]time.Time), seenLast: make(map[string]time.Time)}
	ctx, cancel := context.WithCancel(w.Context())
	var all sync.WaitGroup
	for range clientsAtOnce {
		all.Go(func() { t.run(ctx) })
	}
	t.stop = func() {
		cancel()
		all.Wait()
	}
	w.Cleanup(t.stop)
	return t
}

func (t *traffic) run(ctx context.Context) {
	client := &http.Client{Timeout: 30 * time.Second, Transport: &http.Transport{
		DisableKeepAlives: true,
		// It is verified below, by what is trusted at that moment.
		TLSClientConfig: &tls.Config{ServerName: "example.test", InsecureSkipVerify: true, VerifyConnection: t.verify},
	}}
	for {
		began := time.Now()
		leaf, err := t.request(ctx, client)
		if ctx.Err() != nil {
			return // cut off by us
		}
		t.note(began, leaf, err)
		select {
		case <-ctx.Done():
		case <-time.After(pause):
		}
	}
}

// verify is what crypto/tls does with RootCAs.
func (t *traffic) verify(c tls.ConnectionState) error {
	opts := x509.VerifyOptions{Roots: t.roots.Load(), DNSName: c.ServerName, Intermediates: x509.NewCertPool()}
	for _, cert := range c.PeerCertificates[1:] {
		opts.Intermediates.AddCert(cert)
	}
	_, err := c.PeerCertificates[0].Verify(opts)
	return err
}

// request makes one and returns the leaf that it was shown.
func (t *traffic) request(ctx context.Context, client *http.Client) (*x509.Certificate, error) {
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, "https://"+t.address+"/", nil)
	if err != nil {
		return nil, err
	}
	answer, err := client.Do(r)
	if err != nil {
		return nil, err
	}
	defer answer.Body.Close()
	if _, err := io.Copy(io.Discard, answer.Body); err != nil {
		return nil, err
	}
	if answer.StatusCode != http.StatusOK {
		return nil, errors.New(answer.Status)
	}
	return answer.TLS.PeerCertificates[0], nil
}

func (t *traffic) note(began time.Time, leaf *x509.Certificate, err error) {
	ended := time.Now()
	t.mu.Lock()
	defer t.mu.Unlock()
	t.requests++
	if err != nil {
		t.failed++
		var invalid x509.CertificateInvalidError
		if errors.As(err, &invalid) && invalid.Reason == x509.Expired {
			t.expired++
		}
		if t.first == nil {
			t.first = fmt.Errorf("at %s: %w", ended.Format(time.TimeOnly), err)
		}
		return
	}
	serial := certinfo.Serial(leaf)
	if t.seenFirst[serial].IsZero() {
		t.order = append(t.order, serial)
		t.seenFirst[serial] = ended
	}
	if began.After(t.seenLast[serial]) {
		t.seenLast[serial] = began
	}
}

// overlap is for how long, at most, an older certificate was still shown after a
// newer one had been.
func (t *traffic) overlap() time.Duration {
	t.mu.Lock()
	defer t.mu.Unlock()
	var longest time.Duration
	for i := 1; i < len(t.order); i++ {
		longest = max(longest, t.seenLast[t.order[i-1]].Sub(t.seenFirst[t.order[i]]))
	}
	return longest
}
