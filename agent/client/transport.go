// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

package client

import (
	"crypto/tls"
	"fmt"
	"log/slog"
	"net/http"
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
	logger          *slog.Logger

	mu      sync.Mutex
	pool    *http.Transport
	content content   // of pool
	checked time.Time // when the files were last checked
	problem string    // why the newest content is not in use; "" if it is
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

// RoundTrip makes one request with the newest valid certificates.
func (t *transport) RoundTrip(r *http.Request) (*http.Response, error) {
	response, err := t.current().RoundTrip(r)
	if err != nil {
		return nil, err
	}
	if err := t.checkRedirect(response); err != nil {
		response.Body.Close()
		return nil, err
	}
	return boundBody(response)
}

// checkRedirect returns an error for a redirect that vault/api does not follow, but takes
// for an empty answer.
func (t *transport) checkRedirect(response *http.Response) error {
	switch response.StatusCode {
	case http.StatusMovedPermanently, http.StatusFound, http.StatusTemporaryRedirect:
		if !t.refuseRedirects {
			return nil
		}
	case http.StatusSeeOther, http.StatusPermanentRedirect:
	default:
		return nil
	}
	host := "elsewhere"
	if to, err := response.Location(); err == nil {
		host = to.Scheme + "://" + to.Host
	}
	return fmt.Errorf("redirected to %s (status %d), which is not followed", host, response.StatusCode)
}

// current returns the pool, after checking the files if that is due.
func (t *transport) current() *http.Transport {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.files.none() || time.Since(t.checked) < checkEvery {
		return t.pool
	}
	t.checked = time.Now()
	if err := t.reload(); err != nil {
		t.keep(err)
	}
	return t.pool
}

// reload replaces the pool if the files have changed.
func (t *transport) reload() error {
	content, err := t.files.read()
	if err != nil {
		return err
	}
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
