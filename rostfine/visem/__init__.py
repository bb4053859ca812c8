"""Whole semen samples: motility and morphology from feature images (the VISEM data set).

Thambawita et al., "Extracting temporal features into a spatial domain using autoencoders for sperm
video analysis", MediaEval 2019; here "the paper". Haugen et al., MMSys 2019, made the data set.
"""
