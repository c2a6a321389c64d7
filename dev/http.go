// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

package dev

import (
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/netip"
	"strings"
	"time"

	"github.com/certagent/certagent/dev/internal/backend"
	"github.com/certagent/certagent/logkey"
)

// maxBody is the largest accepted request body; Vault's default.
const maxBody = 32 << 20

// ServeHTTP answers one request.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	sw := &statusWriter{ResponseWriter: w}
	defer func() {
		if sw.status == 0 {
			sw.status = http.StatusOK
		}
		s.requests.add(Request{r.Method, r.URL.Path, sw.status})
		s.logger.Debug("request answered", logkey.Method, r.Method, logkey.Path, r.URL.Path, logkey.Code, sw.status)
	}()
	w.Header().Set("Date", s.wallClock().UTC().Format(http.TimeFormat)) // by the clock that expires tokens and certificates
	if f := s.intercept.Load(); f != nil && (*f)(sw, r) {
		return
	}
	s.serve(sw, r)
}

func (s *Server) serve(w http.ResponseWriter, r *http.Request) {
	path, ok := strings.CutPrefix(r.URL.Path, "/v1/")
	if !ok {
		http.NotFound(w, r)
		return
	}
	if status := s.statusPath(path); status != nil {
		status(w, r)
		return
	}
	if s.sealed.Load() {
		writeError(w, backend.Errorf(http.StatusServiceUnavailable, "Vault is sealed"))
		return
	}
	call, err := s.parse(w, r, path)
	if err != nil {
		writeError(w, err)
		return
	}
	if err := s.dispatch(call, w); err != nil {
		writeError(w, err)
	}
}

// call is a request while the server handles it.
type call struct {
	backend.Request
	path    string // the whole path after /v1/
	wrapTTL time.Duration
	public  bool
}

// parse turns an HTTP request into a call.
func (s *Server) parse(w http.ResponseWriter, r *http.Request, path string) (*call, error) {
	c := &call{path: path}
	c.From = clientAddress(r)
	c.TokenID = r.Header.Get("X-Vault-Token")
	c.Now, c.TLS, c.Fields = s.wallClock(), r.TLS, backend.Fields{}
	if bearer, ok := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer "); ok && c.TokenID == "" {
		c.TokenID = bearer
	}
	query := r.URL.Query()
	switch r.Method {
	case http.MethodGet, http.MethodHead:
		c.Operation = backend.Read
		if list := query.Get("list"); list == "true" || list == "1" {
			c.Operation = backend.List
		}
	case "LIST":
		c.Operation = backend.List
	case http.MethodPost, http.MethodPut:
		c.Operation = backend.Update
	case http.MethodDelete:
		c.Operation = backend.Delete
	default:
		return nil, &backend.Error{Status: http.StatusMethodNotAllowed}
	}
	if c.Operation == backend.List && !strings.HasSuffix(path, "/") {
		c.path += "/"
	}
	if c.Operation == backend.Update {
		if err := readBody(w, r, &c.Fields); err != nil {
			return nil, err
		}
	} else {
		for name, values := range query {
			c.Fields[name] = values[0]
		}
	}
	return c, c.readWrapTTL(r.Header.Get("X-Vault-Wrap-TTL"))
}

// clientAddress returns the client's address; for Transport, a loopback address.
func clientAddress(r *http.Request) netip.Addr {
	from, err := netip.ParseAddrPort(r.RemoteAddr)
	if err != nil {
		return netip.AddrFrom4([4]byte{127, 0, 0, 1})
	}
	return from.Addr()
}

func (c *call) readWrapTTL(header string) error {
	if header == "" {
		return nil
	}
	ttl, err := backend.ParseDuration(header)
	if err != nil {
		return backend.BadRequest("error parsing X-Vault-Wrap-TTL header: %v", err)
	}
	if ttl < 0 {
		return backend.BadRequest("requested wrap ttl cannot be negative")
	}
	c.wrapTTL, c.Wrapped = ttl, ttl > 0
	return nil
}

func readBody(w http.ResponseWriter, r *http.Request, fields *backend.Fields) error {
	d := json.NewDecoder(http.MaxBytesReader(w, r.Body, maxBody))
	d.UseNumber()
	err := d.Decode((*map[string]any)(fields))
	if tooLarge := (*http.MaxBytesError)(nil); errors.As(err, &tooLarge) {
		return backend.Errorf(http.StatusRequestEntityTooLarge, "http: request body too large")
	}
	if err != nil && !errors.Is(err, io.EOF) {
		return backend.BadRequest("error parsing JSON: failed to parse JSON input: %v", err)
	}
	if *fields == nil { // the body was "null"
		*fields = backend.Fields{}
	}
	return nil
}
