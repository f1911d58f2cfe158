# The image of Lectern: one static program, and the certificates of public authorities that it verifies others by. Nothing is
# written in it (readOnlyRootFilesystem), time zones are in the program, there is no shell.
#
#   make image                                  builds the program here and copies it: --target binary
#   docker build --build-arg VERSION=v1.2.3 .   compiles it in the image of Go
#
# Both are the same image. Other architectures: --build-arg TARGETARCH=arm64 (BuildKit sets it by --platform).

ARG GO_VERSION=1.26

# The first stage, as the classic builder runs every stage before its target. bin/image is what `make image` makes first.
FROM scratch AS binary
ARG TARGETOS=linux
ARG TARGETARCH=amd64
ARG VERSION=(devel)
LABEL org.opencontainers.image.title="lectern" \
  org.opencontainers.image.description="Prompts as Kubernetes objects, served to agents over MCP" \
  org.opencontainers.image.licenses="Apache-2.0" \
  org.opencontainers.image.version="${VERSION}"
COPY bin/image/${TARGETOS}_${TARGETARCH}/ /
USER 65532:65532
ENTRYPOINT ["/usr/bin/lectern"]

FROM golang:${GO_VERSION} AS build
ARG TARGETOS=linux
ARG TARGETARCH=amd64
ARG VERSION=(devel)
WORKDIR /src
COPY go.mod go.sum ./
RUN go mod download
COPY . .
RUN hack/image/files.sh "${TARGETOS}" "${TARGETARCH}" "${VERSION}" /image

FROM scratch
ARG VERSION=(devel)
LABEL org.opencontainers.image.title="lectern" \
  org.opencontainers.image.description="Prompts as Kubernetes objects, served to agents over MCP" \
  org.opencontainers.image.licenses="Apache-2.0" \
  org.opencontainers.image.version="${VERSION}"
COPY --from=build /image/ /
USER 65532:65532
ENTRYPOINT ["/usr/bin/lectern"]
