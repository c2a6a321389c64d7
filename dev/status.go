// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

package dev

import (
	"net/http"
	"strconv"
	"time"

	"github.com/certagent/certagent/dev/internal/backend"
)

// version is the version of Vault that the server imitates.
const version = "1.21.0"

// statusPath returns the handler of a path that needs no token, works while the
// server is sealed and has its own answer format. It is nil for all other paths.
func (s *Server) statusPath(path string) http.HandlerFunc {
	switch path {
	case "sys/health":
		return s.health
	case "sys/seal-status":
		return readOnly(func() any { return s.sealStatus() })
	case "sys/init":
		return readOnly(func() any { return map[string]bool{"initialized": true} })
	case "sys/leader":
		return readOnly(func() any {
			return map[string]any{"ha_enabled": false, "is_self": false, "leader_address": "", "leader_cluster_address": "", "performance_standby": false}
		})
	case "sys/unseal":
		return s.unsealNow
	}
	return nil
}

func readOnly(body func() any) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		if r.Method != http.MethodGet && r.Method != http.MethodHead {
			writeError(w, &backend.Error{Status: http.StatusMethodNotAllowed})
			return
		}
		_ = writeJSON(w, http.StatusOK, body()) // marshalling cannot fail
	}
}

func (s *Server) sealStatus() map[string]any {
	status := map[string]any{
		"type": "shamir", "initialized": true, "sealed": s.sealed.Load(), "t": 1, "n": 1, "progress": 0, "nonce": "",
		"version": version, "build_date": s.started.UTC().Format(time.RFC3339), "migration": false, "recovery_seal": false,
		"storage_type": "inmem",
	}
	if status["sealed"] == false {
		status["cluster_name"], status["cluster_id"] = "certagent-dev", s.clusterID
	}
	return status
}

// health answers sys/health. The request can choose the HTTP status of each
// state, as load balancers do. States that a dev server never has are ignored.
func (s *Server) health(w http.ResponseWriter, r *http.Request) {
	if r.Method != http.MethodGet && r.Method != http.MethodHead {
		writeError(w, &backend.Error{Status: http.StatusMethodNotAllowed})
		return
	}
	codes := map[string]int{
		"activecode": http.StatusOK, "sealedcode": http.StatusServiceUnavailable, "uninitcode": http.StatusNotImplemented,
		"standbycode": http.StatusTooManyRequests, "drsecondarycode": 472, "performancestandbycode": 473,
	}
	for name := range codes {
		text := r.URL.Query().Get(name)
		if text == "" {
			continue
		}
		code, err := strconv.Atoi(text)
		if err != nil || code < 100 || code > 999 {
			writeError(w, &backend.Error{Status: http.StatusBadRequest})
			return
		}
		codes[name] = code
	}
	sealed := s.sealed.Load()
	code := codes["activecode"]
	if sealed {
		code = codes["sealedcode"]
	}
	status := map[string]any{
		"initialized": true, "sealed": sealed, "standby": sealed, "performance_standby": false,
		"replication_performance_mode": "unknown", "replication_dr_mode": "unknown",
		"server_time_utc": s.wallClock().Unix(), "version": version, "enterprise": false, "echo_duration_ms": 0,
		"clock_skew_ms": 0, "replication_primary_canary_age_ms": 0,
	}
	if !sealed {
		status["cluster_name"], status["cluster_id"] = "certagent-dev", s.clusterID
		status["replication_performance_mode"], status["replication_dr_mode"] = "disabled", "disabled"
	}
	_ = writeJSON(w, code, status) // marshalling cannot fail
}

func (s *Server) unsealNow(w http.ResponseWriter, r *http.Request) {
	var fields backend.Fields
	if err := readBody(w, r, &fields); err != nil {
		writeError(w, err)
		return
	}
	if s.sealed.Load() && fields.String("key") != s.unsealKey {
		writeError(w, backend.BadRequest("Unseal failed, invalid key"))
		return
	}
	s.Unseal()
	_ = writeJSON(w, http.StatusOK, s.sealStatus()) // marshalling cannot fail
}
