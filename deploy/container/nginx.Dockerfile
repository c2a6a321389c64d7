# syntax=docker/dockerfile:1

# nginx with certagent as its init. From this directory:
#
#   docker build -f nginx.Dockerfile --build-arg INIT=certagent-init -t web .

ARG INIT=certagent-init

FROM $INIT AS init

FROM nginxinc/nginx-unprivileged:1.29
COPY --from=init /certagent /certagent
COPY agent.hcl /etc/certagent/agent.hcl
COPY nginx.conf /etc/nginx/nginx.conf
# It is SIGQUIT in nginx's image, which is for nginx. certagent ends with SIGTERM
# and passes SIGQUIT to nginx.
STOPSIGNAL SIGTERM
ENTRYPOINT ["/certagent"]
CMD ["agent", "-config=/etc/certagent/agent.hcl"]
