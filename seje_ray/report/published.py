"""What papers print for Recipe1M: never in a table with anything that was measured here.

Source: docs/method.md, section 7.
"""

PUBLISHED_COLUMNS = (
    "1k, image → recipe",
    "1k, recipe → image",
    "10k, image → recipe",
    "10k, recipe → image",
)
PUBLISHED = (  # MedR, R@1, R@5, R@10 in %; where a paper gives less, what it gives
    (
        "im2recipe (JESR)",
        "5.2, 24.0, 51.0, 65.0",
        "5.1, 25.0, 52.0, 65.0",
        "MedR 41.9",
        "MedR 39.2",
    ),
    (
        "AdaMine",
        "2.0, 40.2, 68.1, 78.7",
        "2.0, 39.8, 69.0, 77.4",
        "13.2, 14.8, 34.6, 46.1",
        "14.2, 14.9, 35.3, 45.2",
    ),
    (
        "ACME, best epoch chosen on test",
        "1.0, 51.8, 80.2, 87.5",
        "1.0, 52.8, 80.2, 87.6",
        "6.7, 22.9, 46.8, 57.9",
        "6.0, 24.4, 47.9, 59.0",
    ),
    (
        "MSJE",
        "1.0, 56.5, 84.7, 90.9",
        "1.0, 56.2, 84.9, 91.1",
        "5.0, 25.6, 52.1, 63.8",
        "5.0, 26.2, 52.5, 64.1",
    ),
    (
        "SEJE",
        "1.0, 58.1, 85.8, 92.2",
        "1.0, 58.5, 86.2, 92.3",
        "4.2, 26.9, 54.0, 65.6",
        "4.0, 27.2, 54.4, 66.1",
    ),
    ("H-T with ViT (2021)", "R@1 64.2", "R@1 64.5", "R@1 33.5", "R@1 33.7"),
    ("TFood with CLIP-ViT (2022)", "R@1 72.3", "R@1 72.6", "R@1 43.4", "R@1 44.6"),
)
