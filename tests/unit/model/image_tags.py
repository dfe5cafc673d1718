"""Tags as well-known images have them, and which of them follows an installed one.

A scheme's `tags` are what a registry lists; each of its `cases` is (installed, policy, newest), where the
newest "" means that nothing follows.
"""

from typing import Final, NamedTuple


class Scheme(NamedTuple):
    """The tags of one image and what is to come of them."""

    image: str
    tags: str
    cases: str

    def rows(self) -> list[tuple[str, str, str, list[str]]]:
        """Return installed, policy, newest, and all tags."""
        rows = []
        for line in self.cases.strip().splitlines():
            installed, policy, *newest = line.split()
            rows.append((installed, policy, (newest or [""])[0], self.tags.split()))
        return rows


SCHEMES: Final = (
    Scheme(
        "koenkk/zigbee2mqtt",
        "latest latest-dev dev 1 1.40 1.40.0 1.40.1 1.40.2 1.41.0 1.42.0 2 2.0 2.0.0 2.1.3 2.6.1 2.6 1.18.1-dev",
        """
        1.40.0 patch 1.40.2
        1.40.0 minor 1.42.0
        1.40.0 major 2.6.1
        1.40.0 digest
        1.40.0 off
        1.42.0 minor
        1.42.0 patch
        2.0.0 minor 2.6.1
        2.6.1 major
        2.6.2 major
        1.40 minor
        1.40 major 2.6
        1 major 2
        1 minor
        latest major
        latest-dev major
        dev minor
        1.18.1-dev patch
        1.40.0 1\\.4\\d\\.\\d+ 1.42.0
        """,
    ),
    Scheme(
        "ghcr.io/home-assistant/home-assistant",
        "stable beta dev latest rc 2025.12 2025.12.0 2025.12.5 2026.1.0 2026.10 2026.10.0b0 2026.10.0 2026.10.1 2026.10.4 "
        "2026.11 2026.11.0b0 2026.11.0b3 2026.11.0b10 2026.12.0.dev202611270312 2026.12.0.dev202611280310 2026.1.0.dev20251201",
        """
        2025.12.0 patch 2025.12.5
        2025.12.0 minor 2026.10.4
        2025.12.5 minor 2026.10.4
        2025.12.5 major 2026.10.4
        2026.10.0 patch 2026.10.4
        2026.10.4 major
        2026.10.0b0 patch 2026.10.4
        2026.10.0b0 major 2026.11.0b10
        2026.11.0b0 major 2026.11.0b10
        2026.11.0b3 patch 2026.11.0b10
        2026.11.0b10 major
        2026.10 major 2026.11
        2025.12 minor 2026.11
        2026.12.0.dev202611270312 patch 2026.12.0.dev202611280310
        stable major
        2026.10.0 2026\\.10\\.\\d+ 2026.10.4
        2025.12.5 2026\\..*b\\d+ 2026.11.0b10
        """,
    ),
    Scheme(
        "eclipse-mosquitto",
        "latest openssl 1.6 1.6.15 1.6.15-openssl 2 2-openssl 2.0 2.0-openssl 2.0.9 2.0.14 2.0.18 2.0.18-openssl 2.0.22 2.0.22-openssl 2.1.2-alpine",
        """
        1.6.15 minor
        1.6.15 major 2.0.22
        2.0.9 patch 2.0.22
        2.0.18 minor 2.0.22
        2.0.18-openssl minor 2.0.22-openssl
        1.6.15-openssl major 2.0.22-openssl
        2.0 major
        2.0-openssl major
        2-openssl major
        openssl major
        2.0.22 major
        2.1.2-alpine major
        """,
    ),
    Scheme(
        "ghcr.io/blakeblackshear/frigate",
        "stable stable-tensorrt 4bb420d 4bb420d-tensorrt b23355d 0.13.2 0.13.2-tensorrt 0.14.0 0.14.0-beta4 0.14.0-beta4-tensorrt "
        "0.14.0-rc1 0.14.1 0.14.1-tensorrt 0.15.0-beta7 0.15.0-rc1 0.15.0-rc1-tensorrt 0.15.1-standard-arm64 0.16.2 0.16.2-standard-arm64 0.16.2-tensorrt",
        """
        0.13.2 minor 0.16.2
        0.13.2 patch
        0.14.0 patch 0.14.1
        0.14.1 minor 0.16.2
        0.14.1-tensorrt minor 0.16.2-tensorrt
        0.13.2-tensorrt patch
        0.15.1-standard-arm64 major 0.16.2-standard-arm64
        0.14.0-beta4 patch 0.14.1
        0.14.0-beta4 minor 0.16.2
        0.15.0-beta7 patch 0.15.0-rc1
        0.15.0-rc1 patch
        0.15.0-rc1 minor 0.16.2
        0.14.0-beta4-tensorrt minor 0.16.2-tensorrt
        4bb420d major
        4bb420d-tensorrt major
        stable major
        0.16.2 major
        """,
    ),
    Scheme(
        "jellyfin/jellyfin",
        "latest unstable 10 10.8 10.8.13 10.9 10.9.7 10.9.11 10.10.0-rc1 10.10.0 10.10.7 10.11.3 10.9.11-amd64 10.10.7-amd64 "
        "10.8.13.20231201 2024101505-unstable 2024102205-unstable 20240901.5-unstable unstable-20240901",
        """
        10.8.13 patch
        10.8.13 minor 10.11.3
        10.9.7 patch 10.9.11
        10.9.7 major 10.11.3
        10.9.11-amd64 minor 10.10.7-amd64
        10.10.0-rc1 patch 10.10.7
        10.10.0 patch 10.10.7
        10.8 minor 10.9
        10.8 patch
        10 major
        2024101505-unstable major 2024102205-unstable
        10.8.13.20231201 major
        unstable major
        10.11.3 major
        """,
    ),
    Scheme(
        "nginx",
        "latest stable mainline alpine stable-alpine perl 1 1-alpine 1.25 1.25.5 1.26.2 1.26.2-alpine 1.26.2-alpine3.20 1.26.3-alpine3.20 "
        "1.26.2-alpine-slim 1.27 1.27.2 1.27.2-alpine 1.27.2-alpine-perl 1.27.2-alpine3.20-slim 1.27.4-alpine3.21-slim 1.27.4-alpine3.21 "
        "1.27.4 1.27.4-alpine 1.27.4-bookworm 1.27.2-bookworm 1.29-alpine",
        """
        1.25.5 minor 1.27.4
        1.26.2 patch
        1.26.2-alpine minor 1.27.4-alpine
        1.26.2-alpine patch
        1.26.2-alpine3.20 patch 1.26.3-alpine3.20
        1.26.2-alpine3.20 minor 1.27.4-alpine3.21
        1.26.2-alpine-slim major
        1.27.2 patch 1.27.4
        1.27.2-alpine-perl minor
        1.27.2-alpine3.20-slim minor 1.27.4-alpine3.21-slim
        1.27.2-bookworm patch 1.27.4-bookworm
        1.25 minor 1.27
        1-alpine major
        stable-alpine major
        mainline minor
        1.27.4-alpine major
        """,
    ),
    Scheme(
        "postgres",
        "latest alpine bookworm 12 13 14 15 15.8 15.8-alpine 15.10 16 16-alpine 16-bookworm 16.1 16.4 16.4-alpine 16.4-alpine3.20 "
        "16.6 16.6-alpine 16.6-alpine3.20 16.6-alpine3.21 16.6-bookworm 16.4-bookworm 17 17-alpine 17-bookworm 17.0 17.2 17.2-alpine 17beta1 17rc1 18beta1",
        """
        15.8 minor 15.10
        15.8 major 17.2
        15.8-alpine minor
        15.8-alpine major 17.2-alpine
        16.1 minor 16.6
        16.1 patch
        16.4-alpine minor 16.6-alpine
        16.4-alpine3.20 minor 16.6-alpine3.21
        16.4-bookworm minor 16.6-bookworm
        16 minor
        16 major 17
        16-alpine major 17-alpine
        16-bookworm major 17-bookworm
        12 major 17
        17rc1 major 17
        17beta1 minor 17
        17.2 major
        bookworm major
        alpine minor
        """,
    ),
    Scheme(
        "lscr.io/linuxserver/sonarr",
        "latest develop nightly version-4.0.9.2244 version-4.0.10.2544 4.0.9.2244-ls250 4.0.9.2244-ls251 4.0.10.2544-ls258 4.0.10.2544-ls260 "
        "4.0.11.2680-ls263 v4.0.9.2244-ls99 amd64-4.0.9.2244-ls250 amd64-4.0.11.2680-ls263 arm64v8-4.0.9.2244-ls250 arm64v8-4.0.10.2544-ls258 "
        "develop-version-4.0.9.2421 develop-version-4.0.11.2774 develop-4.0.9.2421-ls431 develop-4.0.11.2774-ls460 5.0.0.1-ls1",
        """
        version-4.0.9.2244 patch version-4.0.10.2544
        version-4.0.9.2244 minor version-4.0.10.2544
        4.0.9.2244-ls250 patch 4.0.11.2680-ls263
        4.0.9.2244-ls250 minor 4.0.11.2680-ls263
        4.0.9.2244-ls250 major 5.0.0.1-ls1
        4.0.10.2544-ls258 minor 4.0.11.2680-ls263
        amd64-4.0.9.2244-ls250 minor amd64-4.0.11.2680-ls263
        arm64v8-4.0.9.2244-ls250 minor arm64v8-4.0.10.2544-ls258
        develop-version-4.0.9.2421 minor develop-version-4.0.11.2774
        develop-4.0.9.2421-ls431 minor develop-4.0.11.2774-ls460
        v4.0.9.2244-ls99 major
        develop major
        5.0.0.1-ls1 major
        """,
    ),
    Scheme(
        "lscr.io/linuxserver/swag",
        "latest v1.2.3-ls45 v1.2.3-ls46 v1.2.4-ls50 v1.3.0-ls60 v2.0.0-ls70 version-v1.2.3 version-v1.3.0 version-v2.0.0 "
        "3.0.1-ls330 3.1.0-ls340 arm64v8-3.0.1-ls330 arm64v8-3.1.0-ls340",
        """
        v1.2.3-ls45 patch v1.2.4-ls50
        v1.2.3-ls45 minor v1.3.0-ls60
        v1.2.3-ls45 major v2.0.0-ls70
        v1.2.4-ls50 patch
        version-v1.2.3 minor version-v1.3.0
        version-v1.2.3 major version-v2.0.0
        3.0.1-ls330 minor 3.1.0-ls340
        arm64v8-3.0.1-ls330 minor arm64v8-3.1.0-ls340
        v1.2.3-ls45 v1\\.2\\.3-ls\\d+ v1.2.3-ls46
        """,
    ),
    Scheme(
        "lscr.io/linuxserver/qbittorrent",
        "latest libtorrentv1 5.0.0_v2.0.10-ls360 5.0.0_v2.0.10-ls365 5.0.1_v2.0.10-ls366 5.0.4_v2.0.11-ls390 release-5.0.0_v2.0.10 release-5.0.4_v2.0.11 "
        "libtorrentv1-release-5.0.0_v1.2.19 20.04.1 14.3.9",
        """
        5.0.0_v2.0.10-ls360 patch 5.0.4_v2.0.11-ls390
        5.0.1_v2.0.10-ls366 minor 5.0.4_v2.0.11-ls390
        release-5.0.0_v2.0.10 patch release-5.0.4_v2.0.11
        14.3.9 major 20.04.1
        14.3.9 minor
        libtorrentv1 major
        5.0.4_v2.0.11-ls390 major
        """,
    ),
    Scheme(
        "grafana/grafana",
        "latest main 10.4.0 10.4.3 10.4.12 11.0.0 11.0.0-preview 11.2.0 11.2.0-ubuntu 11.3.0 11.3.0-ubuntu 11.3.0-161120 11.3.0-79146 "
        "11.6.1 11.6.1-security-01 11.3.0-security-01 12.0.0 12.0.0-ubuntu 9.5.21 latest-ubuntu main-ubuntu",
        """
        10.4.0 patch 10.4.12
        10.4.3 minor 10.4.12
        10.4.3 major 12.0.0
        11.0.0 minor 11.6.1
        11.0.0 patch
        11.0.0-preview patch 11.0.0
        11.0.0-preview minor 11.6.1
        11.2.0-ubuntu minor 11.3.0-ubuntu
        11.2.0-ubuntu major 12.0.0-ubuntu
        11.3.0-79146 major 11.3.0-161120
        11.3.0-security-01 minor 11.6.1-security-01
        9.5.21 minor
        9.5.21 major 12.0.0
        main-ubuntu major
        12.0.0 major
        """,
    ),
    Scheme(
        "redis",
        "latest alpine bookworm 6 6.2 6.2.14 6.2.16 6.2.16-alpine 7 7.2 7.2-alpine 7.2.4 7.2.4-alpine 7.2.6 7.2.6-alpine 7.4 7.4-alpine 7.4.1 "
        "7.4.1-alpine 7.4.1-alpine3.20 7.4.2-alpine3.21 7.4-rc1 7.2.4-bookworm 7.4.1-bookworm 8.0-M01 8.0-rc1 8.0.0 8.0.0-alpine 32bit",
        """
        6.2.14 patch 6.2.16
        6.2.14 minor 6.2.16
        6.2.14 major 8.0.0
        6.2.16-alpine major 8.0.0-alpine
        7.2.4 patch 7.2.6
        7.2.4 minor 7.4.1
        7.2.4-alpine minor 7.4.1-alpine
        7.4.1-alpine3.20 patch 7.4.2-alpine3.21
        7.2.4-bookworm minor 7.4.1-bookworm
        7.2 minor 7.4
        7.2-alpine minor 7.4-alpine
        7 major
        6 major 7
        7.4-rc1 minor 7.4
        8.0.0 major
        8.0-M01 major
        """,
    ),
    Scheme(
        "ghcr.io/esphome/esphome",
        "latest stable beta dev 2024.11 2024.11.0b1 2024.11.0b4 2024.11.0 2024.11.3 2024.12.0b2 2024.12.0 2024.12.4 2025.2.0 2025.2.0b4 2025.3.0-dev20250212 2025.3.0-dev20250219 2024.12 2025.3",
        """
        2024.11.0 patch 2024.11.3
        2024.11.0 minor 2025.2.0
        2024.11.3 major 2025.2.0
        2024.11.3 patch
        2024.11.0b1 patch 2024.11.3
        2024.11.0b1 minor 2025.2.0
        2024.12.0b2 patch 2024.12.4
        2025.2.0b4 minor 2025.2.0
        2025.3.0-dev20250212 patch 2025.3.0-dev20250219
        2024.11 minor 2025.3
        2025.2.0 major
        beta major
        """,
    ),
    Scheme(
        "ghcr.io/music-assistant/server",
        "latest stable beta nightly dev 2.2 2.2.7 2.3.0 2.3.0b12 2.3.0b9 2.3.6 2.4.0b1 2.4.0b10 2.4.0b2 2.4.0.dev20250110 2.4.0.dev20250111 2.5.0 2.6.0b3",
        """
        2.2.7 patch
        2.2.7 minor 2.5.0
        2.3.0 patch 2.3.6
        2.3.0 minor 2.5.0
        2.3.0b9 patch 2.3.6
        2.3.0b9 minor 2.6.0b3
        2.3.0b12 patch 2.3.6
        2.4.0b1 patch 2.4.0b10
        2.4.0b2 minor 2.6.0b3
        2.4.0.dev20250110 patch 2.4.0b10
        2.5.0 major
        2.6.0b3 major
        """,
    ),
    Scheme(
        "influxdb",
        "latest alpine core 1.8 1.8-alpine 1.8.10 1.8.10-alpine 1.11 1.11-data 1.11.8 1.11.8-alpine 1.11.8-data 1.11.7-data 2 2-alpine 2.7 2.7-alpine 2.7.5 2.7.5-alpine "
        "2.7.10 2.7.10-alpine 2.7.11-alpine 2.8-alpine 3-core 3.0.1-core 3.2.1-core 3.2-core 2.0.0-rc",
        """
        1.8.10 minor 1.11.8
        1.8.10 patch
        1.8.10-alpine minor 1.11.8-alpine
        1.11.7-data patch 1.11.8-data
        2.7.5 patch 2.7.10
        2.7.5-alpine patch 2.7.11-alpine
        2.7.10 minor
        2.7-alpine minor 2.8-alpine
        2.7-alpine patch
        1.8-alpine minor
        1.8-alpine major 2.8-alpine
        2-alpine major
        3.0.1-core minor 3.2.1-core
        2.7.10 major
        2.0.0-rc minor 2.7.10
        """,
    ),
    Scheme(
        "mariadb",
        "latest lts jammy noble 10 10.6 10.6.18 10.6.20 10.11 10.11.8 10.11.8-jammy 10.11.10 10.11.10-jammy 11 11.4 11.4.2-noble 11.4.4-noble 11.4.4 11.7-rc 11.7.1-rc 11.7.2 11.8.1-ubi9 11.8.2-ubi9",
        """
        10.6.18 patch 10.6.20
        10.6.18 minor 10.11.10
        10.11.8 patch 10.11.10
        10.11.8-jammy patch 10.11.10-jammy
        10.11.8 major 11.7.2
        11.4.2-noble patch 11.4.4-noble
        11.7.1-rc patch 11.7.2
        11.8.1-ubi9 patch 11.8.2-ubi9
        10.6 minor 10.11
        10 major 11
        11.7-rc major
        lts major
        """,
    ),
    Scheme(
        "nodered/node-red",
        "latest latest-22 latest-minimal 3.1.9 3.1.15 3.1.15-18 3.1.9-18 3.1.9-18-minimal 4.0 4.0.2 4.0.5 4.0.5-20 4.0.5-20-minimal 4.0.9-22-minimal 4.0.9-20 4.1.0-beta.0 4.1.0-beta.2 4.1.0 4.1.0-debian 4.0.9-debian",
        """
        3.1.9 patch 3.1.15
        3.1.9 minor 3.1.15
        3.1.9 major 4.1.0
        3.1.9-18 patch 3.1.15-18
        4.0.5-20 patch 4.0.9-20
        4.0.5-20-minimal patch 4.0.9-22-minimal
        4.0.2 minor 4.1.0
        4.1.0-beta.0 patch 4.1.0
        4.0.9-debian minor 4.1.0-debian
        latest-minimal major
        latest-22 major
        """,
    ),
    Scheme(
        "plexinc/pms-docker",
        "latest public beta plexpass 1.40.5.8921-836b34c27 1.41.0.8994-f2c27da23 1.41.8.9834-071366d65 1.41.3.9314-a0bfb8370",
        """
        1.40.5.8921-836b34c27 minor 1.41.8.9834-071366d65
        1.40.5.8921-836b34c27 patch
        1.41.0.8994-f2c27da23 patch 1.41.8.9834-071366d65
        1.41.8.9834-071366d65 major
        plexpass major
        """,
    ),
    Scheme(
        "minio/minio",
        "latest edge RELEASE.2023-12-23T07-19-11Z RELEASE.2024-01-16T16-07-38Z RELEASE.2024-01-29T03-56-32Z RELEASE.2024-11-07T00-52-20Z RELEASE.2024-11-07T00-52-20Z.fips RELEASE.2024-01-16T16-07-38Z.fips RELEASE.2024-01-16T16-07-38Z-cpuv1",
        """
        RELEASE.2023-12-23T07-19-11Z major RELEASE.2024-11-07T00-52-20Z
        RELEASE.2023-12-23T07-19-11Z minor RELEASE.2024-11-07T00-52-20Z
        RELEASE.2024-01-16T16-07-38Z patch RELEASE.2024-01-29T03-56-32Z
        RELEASE.2024-01-16T16-07-38Z.fips minor RELEASE.2024-11-07T00-52-20Z.fips
        RELEASE.2024-01-16T16-07-38Z-cpuv1 minor
        RELEASE.2024-11-07T00-52-20Z major
        """,
    ),
    Scheme(
        "searxng/searxng",
        "latest 2024.10.3-2fbf15ecc 2024.10.30-b10403d3a 2024.9.27-3c7adfd0a 2025.1.2-8a6d1cbd6",
        """
        2024.9.27-3c7adfd0a minor 2025.1.2-8a6d1cbd6
        2024.10.3-2fbf15ecc patch 2024.10.30-b10403d3a
        2025.1.2-8a6d1cbd6 major
        """,
    ),
    Scheme(
        "ghcr.io/someone/flux-style",
        "main main-1a2b3c4-1700000000 main-5d6e7f8-1700000500 main-9aab0c1-1699999999 feature-1a2b3c4-1800000000 sha-1a2b3c4 sha-9aab0c1 pr-12 pr-13",
        """
        main-1a2b3c4-1700000000 major main-5d6e7f8-1700000500
        main-5d6e7f8-1700000500 major
        sha-1a2b3c4 major
        pr-12 major pr-13
        pr-12 minor
        main major
        """,
    ),
    Scheme(
        "eclipse-temurin",
        "latest 17 17-jre 17.0.12_7-jre 17.0.13_11-jre 21-jre 21.0.4_7-jre 21.0.4_7-jre-alpine 21.0.5_11-jre-alpine 21.0.5_11-jre 8u422-b05-jre 8u432-b06-jre 23-jre",
        """
        17.0.12_7-jre patch 17.0.13_11-jre
        17.0.12_7-jre major 21.0.5_11-jre
        21.0.4_7-jre-alpine patch 21.0.5_11-jre-alpine
        17-jre major 23-jre
        17-jre minor
        """,
    ),
    Scheme(
        "itzg/minecraft-server",
        "latest java17 java21 java21-alpine stable 2024.10.1 2024.10.2-java17 2024.10.2-java21 2024.12.1-java21 2024.12.1-java23 2024.12.1 2025.1.0-java21",
        """
        2024.10.2-java21 patch
        2024.10.2-java21 minor 2025.1.0-java21
        2024.10.2-java17 minor
        2024.10.1 minor 2024.12.1
        java17 major java21
        java21-alpine major
        """,
    ),
    Scheme(
        "bitnami/kafka",
        "latest 3.5.1-debian-11-r72 3.5.1-debian-12-r4 3.5.1-debian-12-r5 3.5.2-debian-12-r0 3.6.0-debian-12-r1 3.9.0-debian-12-r10 3.9.0-debian-12-r9 4.0.0-debian-12-r0",
        """
        3.5.1-debian-12-r4 patch 3.5.2-debian-12-r0
        3.5.1-debian-12-r4 minor 3.9.0-debian-12-r10
        3.5.1-debian-11-r72 minor
        3.9.0-debian-12-r9 patch 3.9.0-debian-12-r10
        3.9.0-debian-12-r10 minor
        3.9.0-debian-12-r10 major 4.0.0-debian-12-r0
        """,
    ),
    Scheme(
        "ollama/ollama",
        "latest rocm 0.3.12 0.3.12-rocm 0.3.13-rc1 0.3.14 0.4.0-rc8 0.4.0-rc10 0.4.1 0.4.1-rocm 0.5.0-rc1 0.4.0-rc8-rocm",
        """
        0.3.12 patch 0.3.14
        0.3.12 minor 0.4.1
        0.3.12-rocm minor 0.4.1-rocm
        0.4.0-rc8 patch 0.4.1
        0.4.0-rc10 minor 0.5.0-rc1
        0.4.0-rc8-rocm patch 0.4.1-rocm
        0.4.1 major
        rocm major
        """,
    ),
    Scheme(
        "nvidia/cuda",
        "latest 11.8.0-base-ubuntu22.04 12.1.0-base-ubuntu22.04 12.1.1-base-ubuntu22.04 12.6.2-base-ubuntu22.04 12.6.2-base-ubuntu24.04 12.6.2-runtime-ubuntu22.04",
        """
        12.1.0-base-ubuntu22.04 patch 12.1.1-base-ubuntu22.04
        12.1.0-base-ubuntu22.04 minor 12.6.2-base-ubuntu22.04
        11.8.0-base-ubuntu22.04 minor
        11.8.0-base-ubuntu22.04 major 12.6.2-base-ubuntu22.04
        12.6.2-base-ubuntu24.04 major
        """,
    ),
    Scheme(
        "ghcr.io/pytorch/whisper",
        "1.0.0-cuda11 1.0.0-cuda12 1.1.0-cuda11 1.2.0-cuda12 1.1.0-cpu 1.0.0-cpu 2.0.0-py3.12 2.1.0-py3.13 2.1.0-py3.12",
        """
        1.0.0-cuda11 minor 1.1.0-cuda11
        1.0.0-cuda12 minor 1.2.0-cuda12
        1.0.0-cpu minor 1.1.0-cpu
        2.0.0-py3.12 minor 2.1.0-py3.12
        2.1.0-py3.13 minor
        """,
    ),
    Scheme(
        "debian",
        "latest stable stable-slim bookworm bookworm-slim bookworm-20240904 bookworm-20241016 bookworm-20241016-slim bookworm-20240904-slim trixie-20241016 12 12-slim 12.5 12.7 12.7-slim 12.8-slim 12.8",
        """
        bookworm-20240904 major bookworm-20241016
        bookworm-20240904 minor bookworm-20241016
        bookworm-20240904-slim major bookworm-20241016-slim
        trixie-20241016 major
        12.5 minor 12.8
        12.7-slim minor 12.8-slim
        12-slim major
        bookworm-slim major
        """,
    ),
    Scheme(
        "alpine",
        "latest edge 3 3.18 3.19 3.20 3.20.0 3.20.3 3.21.0 3.21.0_alpha20240807 20240807 20240923",
        """
        3.18 minor 3.20
        3.20.0 patch 3.20.3
        3.20.0 minor 3.21.0
        20240807 major 20240923
        3 major
        edge major
        """,
    ),
    Scheme(
        "louislam/uptime-kuma",
        "latest 1 1-alpine 1-debian 1.23 1.23.0 1.23.13 1.23.13-debian 1.23.15 1.23.15-debian 1.23.15-alpine 2 2.0.0-beta.0 2.0.0-beta.1 2.0.0-beta.1-slim 2.0.0-beta.10 nightly2 beta base2",
        """
        1.23.0 patch 1.23.15
        1.23.13-debian patch 1.23.15-debian
        1.23.13 major 1.23.15
        2.0.0-beta.0 patch 2.0.0-beta.10
        2.0.0-beta.1 major 2.0.0-beta.10
        2.0.0-beta.1-slim major
        1.23.15-alpine major
        1 major 2
        """,
    ),
    Scheme(
        "traefik",
        "latest v2 v2.10 v2.11 v2.11.0 v2.11.14 v3 v3.0 v3.0.0 v3.0.0-rc5 v3.0.0-beta3 v3.0.4 v3.2 v3.2.1 v3.3.0-rc1 comte saintnectaire v2.11.0-windowsservercore-ltsc2022 v2.11.14-windowsservercore-ltsc2022",
        """
        v2.11.0 patch v2.11.14
        v2.11.0 minor v2.11.14
        v2.11.0 major v3.2.1
        v2.10 minor v2.11
        v2.10 major v3.2
        v2 major v3
        v3.0.0-rc5 patch v3.0.4
        v3.0.0-beta3 patch v3.0.4
        v3.0.0-beta3 minor v3.3.0-rc1
        v2.11.0-windowsservercore-ltsc2022 patch v2.11.14-windowsservercore-ltsc2022
        comte major
        v3.2.1 major
        """,
    ),
    Scheme(
        "n8nio/n8n",
        "latest next nightly 1.0.0 1.62.5 1.63.0 1.70.3 1.70.3-debian 1.70.0-debian 0.236.3 1.71.0-beta.1 exp-1.2 stable",
        """
        1.62.5 minor 1.70.3
        1.62.5 patch
        0.236.3 minor
        0.236.3 major 1.70.3
        1.70.0-debian patch 1.70.3-debian
        1.71.0-beta.1 minor
        next major
        """,
    ),
    Scheme(
        "vaultwarden/server",
        "latest latest-alpine testing alpine 1.30.5 1.30.5-alpine 1.31.0 1.32.0 1.32.5 1.32.5-alpine",
        """
        1.30.5 minor 1.32.5
        1.30.5 patch
        1.32.0 patch 1.32.5
        1.30.5-alpine minor 1.32.5-alpine
        testing major
        """,
    ),
    Scheme(
        "nextcloud",
        "latest stable fpm apache 28 28-fpm 28.0.5 28.0.5-fpm 28.0.5-fpm-alpine 28.0.14 28.0.14-fpm 28.0.14-fpm-alpine 28.0.14-apache 29.0.9 29.0.9-fpm 30.0.2 30.0.2-fpm 30.0.2-apache 31.0.0rc1 31.0.0rc2-fpm production-apache",
        """
        28.0.5 patch 28.0.14
        28.0.5 minor 28.0.14
        28.0.5 major 30.0.2
        28.0.5-fpm minor 28.0.14-fpm
        28.0.5-fpm major 30.0.2-fpm
        28.0.5-fpm-alpine patch 28.0.14-fpm-alpine
        28.0.14-apache major 30.0.2-apache
        28-fpm major
        28 major
        31.0.0rc1 major
        """,
    ),
    Scheme(
        "adguard/adguardhome",
        "latest beta edge v0.107.43 v0.107.52 v0.107.54 v0.108.0-b.57 v0.108.0-b.60 v0.108.0-a.1",
        """
        v0.107.43 patch v0.107.54
        v0.107.43 minor v0.107.54
        v0.107.54 major
        edge major
        """,
    ),
    Scheme(
        "pihole/pihole",
        "latest nightly dev 2023.05.2 2024.05.0 2024.07.0 2025.02.1 v5.8.1 v5.7",
        """
        2023.05.2 minor 2025.02.1
        2024.05.0 patch
        2024.07.0 major 2025.02.1
        v5.8.1 major
        2025.02.1 major
        """,
    ),
    Scheme(
        "ghcr.io/immich-app/immich-server",
        "release main commit-2f4d0d3f2c3a7e0c4f6b8d0a1b2c3d4e5f6a7b8c v1 v1.118.0 v1.118.2 v1.120.1 v1.122.3 v2 v2.0.0 v2.1.0 v1.120.1-cuda v1.122.3-cuda pr-1234",
        """
        v1.118.0 patch v1.118.2
        v1.118.0 minor v1.122.3
        v1.118.0 major v2.1.0
        v1.120.1-cuda minor v1.122.3-cuda
        commit-2f4d0d3f2c3a7e0c4f6b8d0a1b2c3d4e5f6a7b8c major
        release major
        v1 major v2
        """,
    ),
    Scheme(
        "hertzg/rtl_433",
        "latest master master-alpine 23.11 24.10 25.02 24.10-debian-bookworm 25.02-debian-bookworm alpine-3.20-24.10",
        """
        23.11 major 25.02
        24.10-debian-bookworm major 25.02-debian-bookworm
        master-alpine major
        """,
    ),
    Scheme(
        "rhasspy/wyoming-whisper",
        "latest 1.0.0 1.0.2 2.1.0 2.2.0 2.4.0",
        """
        1.0.0 patch 1.0.2
        1.0.2 minor
        1.0.2 major 2.4.0
        2.1.0 minor 2.4.0
        """,
    ),
    Scheme(
        "deluan/navidrome",
        "latest develop 0.52 0.52.5 0.53.0 0.53.3 0.54.0 pr-3391",
        """
        0.52.5 minor 0.54.0
        0.53.0 patch 0.53.3
        0.52 major
        develop major
        pr-3391 major
        """,
    ),
    Scheme(
        "hashicorp/vault",
        "latest 1.15 1.15.6 1.17.6 1.18.1 1.18.0-rc1 1.18.1-ent 1.17.6-ent 1.18.1-fips",
        """
        1.15.6 minor 1.18.1
        1.15.6 patch
        1.17.6-ent minor 1.18.1-ent
        1.18.0-rc1 patch 1.18.1
        1.15 minor
        """,
    ),
    Scheme(
        "192.168.1.5:5000/home/fridge",
        "v1.0.0 v1.1.0 v1.2.0 v1.2.0-foreign v1.2.0-mislabelled v2.0.0 v1.2.0+build5",
        """
        v1.0.0 major v2.0.0
        v1.0.0 minor v1.2.0
        v1.0.0 patch
        v1.2.0-foreign major
        v2.0.0 major
        """,
    ),
)
