// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

package client

import (
	"crypto/tls"
	"log/slog"
	"net/http"
	"net/url"
	"sync"
	"time"

	"github.com/certagent/certagent/logkey"
	"github.com/certagent/certagent/logmsg"
)

// checkEvery is the shortest interval between two checks of the certificate files.
const checkEvery = time.Second

// transport makes requests over a pool of connections, and replaces the pool when the
// certificate files change. Requests check the files, so that no goroutine has to watch
// them.
//
// It has no method CloseIdleConnections on purpose: go-retryablehttp calls it after every
// failed request, which would close the connections of all other requests.
type transport struct {
	files           files
	serverName      string
	skipVerify      bool
	refuseRedirects bool
	build           func(*tls.Config) *http.Transport
	proxy           func(*http.Request) (*url.URL, error) // nil for none
	base            http.RoundTripper                     // instead of a pool; nil for a pool
	userAgent       string                                // "" leaves it to net/http
	known           *Known
	clock           *Clock
	large           chan struct{} // one slot: for an answer that takes much memory
	logger          *slog.Logger

	mu       sync.Mutex
	pool     *http.Transport
	content  content   // of pool
	checked  time.Time // when the files were last checked
	checking bool      // a request is checking them
	problem  string    // why the newest content is not in use; "" if it is
}

func newTransport(c Config, socket string) (*transport, error) {
	files, err := newFiles(c)
	if err != nil {
		return nil, err
	}
	proxy, err := proxy()
	if err != nil {
		return nil, err
	}
	t := &transport{
		files: files, serverName: c.TLSServerName, skipVerify: c.TLSSkipVerify, logger: c.Logger,
		proxy: proxy, base: c.Transport, userAgent: c.UserAgent, known: c.Known, clock: c.Clock, large: make(chan struct{}, 1),
		build: func(security *tls.Config) *http.Transport { return newPool(c, security, proxy, socket) },
	}
	if t.content, err = files.read(); err != nil {
		return nil, err
	}
	security, err := files.tls(t.content, t.serverName, t.skipVerify)
	if err != nil {
		return nil, err
	}
	t.pool, t.checked = t.build(security), time.Now()
	return t, nil
}

// RoundTrip makes one request with the newest valid certificates. No error that it
// returns, nor the body of an answer with an error status, shows a secret that the
// request carried.
func (t *transport) RoundTrip(r *http.Request) (*http.Response, error) {
	h, r, err := t.carried(r)
	if err != nil {
		return nil, err
	}
	if t.userAgent != "" {
		r = withHeader(r, "User-Agent", t.userAgent)
	}
	began := time.Now()
	response, err := t.next().RoundTrip(r)
	if err != nil {
		return nil, h.err(err)
	}
	t.clock.observe(response.Header, began, time.Now())
	if err := t.checkRedirect(r, response); err != nil {
		response.Body.Close()
		return nil, h.err(err)
	}
	if err := t.boundBody(r.Context(), response); err != nil {
		return nil, err
	}
	if response.StatusCode < http.StatusBadRequest {
		response.Body = hiddenBody{response.Body, h}
	} else if err := h.hideReasons(response); err != nil {
		return nil, h.err(err)
	}
	return response, nil
}

// withHeader returns a copy of the request with a header.
func withHeader(r *http.Request, name, value string) *http.Request {
	again := r.WithContext(r.Context())
	again.Header = r.Header.Clone()
	again.Header.Set(name, value)
	return again
}

// next returns what makes the next request.
func (t *transport) next() http.RoundTripper {
	if t.base != nil {
		return t.base
	}
	return t.current()
}

// current returns the pool, after checking the files if that is due.
func (t *transport) current() *http.Transport {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.files.none() || t.checking || time.Since(t.checked) < checkEvery {
		return t.pool
	}
	t.checked, t.checking = time.Now(), true
	t.mu.Unlock() // a file system may take its time, for which only this request waits
	content, err := t.files.read()
	t.mu.Lock()
	t.checking = false
	if err == nil {
		err = t.reload(content)
	}
	if err != nil {
		t.keep(err)
	}
	return t.pool
}

// reload replaces the pool if the files have changed.
func (t *transport) reload(content content) error {
	if content.equal(t.content) {
		t.problem = "" // the old content is back
		return nil
	}
	security, err := t.files.tls(content, t.serverName, t.skipVerify)
	if err != nil {
		return err
	}
	t.pool.CloseIdleConnections()
	t.pool, t.content, t.problem = t.build(security), content, ""
	t.logger.Info(logmsg.TLSReloaded)
	return nil
}

// keep logs, once for each error, that the old content stays in use.
func (t *transport) keep(err error) {
	if t.problem == err.Error() {
		return
	}
	t.problem = err.Error()
	t.logger.Warn(logmsg.TLSNotReloaded,
		logkey.Error, err)
}

func (t *transport) release() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.pool.CloseIdleConnections()
}
