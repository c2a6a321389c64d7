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

// traffic is the clients: each sends one request after the other, each over a new
// connection, and counts the failures.
type traffic struct {
	url         string
	ca          *authority
	certificate string // the combined PEM file of the clients

	requests, failed, expired atomic.Int64

	mu    sync.Mutex
	first error // of the first failed request
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

// run sends requests until ctx ends.
func (t *traffic) run(ctx context.Context) {
	client := t.client()
	for ctx.Err() == nil {
		err := t.request(ctx, client)
		if ctx.Err() != nil {
			return // the request was cancelled
		}
		t.requests.Add(1)
		if err != nil {
			t.note(err)
		}
	}
}

// client returns a client that trusts the CA and reads its certificate for each new
// connection. Each request opens one and resumes no session.
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

// request sends a health request to Vault through nginx.
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

// failure returns an error if a request failed.
func (t *traffic) failure() error {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.first == nil {
		return nil
	}
	return fmt.Errorf("%d of %d requests failed, the first %w", t.failed.Load(), t.requests.Load(), t.first)
}
