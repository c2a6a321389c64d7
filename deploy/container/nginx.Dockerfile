# syntax=docker/dockerfile:1

# nginx with certagent as the init process. Run from this directory:
#
#   docker build -f nginx.Dockerfile --build-arg INIT=certagent-init -t web .

ARG INIT=certagent-init

FROM $INIT AS init

FROM nginxinc/nginx-unprivileged:1.29
COPY --from=init /certagent /certagent
COPY agent.hcl /etc/certagent/agent.hcl
COPY nginx.conf /etc/nginx/nginx.conf
# nginx's image has SIGQUIT here. certagent stops at SIGTERM, and sends SIGQUIT to
# nginx.
STOPSIGNAL SIGTERM
ENTRYPOINT ["/certagent"]
CMD ["agent", "-config=/etc/certagent/agent.hcl"]
