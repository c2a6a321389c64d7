// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

package main

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net/http"
	"sync"
	"sync/atomic"
	"time"
)

// traffic is the clients: each makes one request after the other, over a new
// connection each, and counts those that fail.
type traffic struct {
	url         string
	ca          *authority
	certificate string // the combined PEM file that shows who the clients are

	requests, failed, expired atomic.Int64

	mu    sync.Mutex
	first error // what the first failed request failed with
}

// startTraffic starts the clients.
func (d *demo) startTraffic(ctx context.Context) error {
	d.traffic = &traffic{url: "https://" + d.listen + "/v1/sys/health", ca: d.ca, certificate: d.Path("client/client.pem")}
	ctx, cancel := context.WithCancel(ctx)
	var clients sync.WaitGroup
	for range d.clients {
		clients.Go(func() { d.traffic.run(ctx) })
	}
	d.OnClose(func() error {
		cancel()
		clients.Wait()
		return nil
	})
	return nil
}

// run makes requests until ctx ends.
func (t *traffic) run(ctx context.Context) {
	client := t.client()
	for ctx.Err() == nil {
		err := t.request(ctx, client)
		if ctx.Err() != nil {
			return // cut off by us
		}
		t.requests.Add(1)
		if err != nil {
			t.note(err)
		}
	}
}

// client trusts the CA and reads its own certificate at each new connection.
// Every request makes one, without resuming an earlier session.
func (t *traffic) client() *http.Client {
	return &http.Client{Timeout: 30 * time.Second, Transport: &http.Transport{
		DisableKeepAlives: true,
		TLSClientConfig: &tls.Config{
			RootCAs:    pool(t.ca.pem),
			ServerName: "localhost",
			GetClientCertificate: func(*tls.CertificateRequestInfo) (*tls.Certificate, error) {
				return loadCombined(t.certificate)
			},
		},
	}}
}

// request asks Vault, through nginx, whether it is well.
func (t *traffic) request(ctx context.Context, client *http.Client) error {
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, t.url, nil)
	if err != nil {
		return err
	}
	answer, err := client.Do(r)
	if err != nil {
		return err
	}
	defer answer.Body.Close()
	body, err := io.ReadAll(answer.Body)
	if err == nil && answer.StatusCode != http.StatusOK {
		return fmt.Errorf("%s: %s", answer.Status, body)
	}
	return err
}

func (t *traffic) note(err error) {
	t.failed.Add(1)
	var invalid x509.CertificateInvalidError
	if errors.As(err, &invalid) && invalid.Reason == x509.Expired {
		t.expired.Add(1)
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.first == nil {
		t.first = fmt.Errorf("at %s: %w", time.Now().Format(time.TimeOnly), err)
	}
}

// failure tells of failed requests; nil if there were none.
func (t *traffic) failure() error {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.first == nil {
		return nil
	}
	return fmt.Errorf("%d of %d requests failed, the first %w", t.failed.Load(), t.requests.Load(), t.first)
}
